import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { followWorkTree } from '../../src/git/work-tree.ts';
import { emptyRepository, git, temporaryDirectory } from './temporary.ts';

interface Checkout {
  readonly path: string;
  readonly repository: Repository;
  readonly old: string;
  readonly new: string;
}

/** A work tree at `old`, whose branch has just been moved to `new` behind its back. */
async function movedCheckout(prepare: (path: string) => void = () => {}): Promise<Checkout> {
  const path = temporaryDirectory();
  git(path, ['init', '--quiet', '--initial-branch=main']);
  const commit = (content: string) => {
    writeFileSync(join(path, 'value'), content);
    writeFileSync(join(path, content), '');
    git(path, ['add', '--all']);
    git(path, ['commit', '--quiet', '-m', content]);
    return git(path, ['rev-parse', 'HEAD']);
  };
  writeFileSync(join(path, 'other'), 'as it was');
  const [before, after] = [commit('old'), commit('new')];
  git(path, ['reset', '--quiet', '--hard', before]);
  prepare(path);
  git(path, ['update-ref', 'refs/heads/main', after]);
  return { path, repository: await openRepository(path), old: before, new: after };
}

describe('the files of a work tree', () => {
  test('follow the branch where nothing was changed', async () => {
    const { path, repository, old, new: to } = await movedCheckout();
    expect(await followWorkTree(repository, old, to)).toBeUndefined();
    expect(readFileSync(join(path, 'value'), 'utf8')).toBe('new');
    expect(git(path, ['status', '--porcelain'])).toBe('');
  });

  test('follow the first snapshot into an empty work tree', async () => {
    const path = temporaryDirectory();
    const { path: source, new: to } = await movedCheckout();
    git(path, ['init', '--quiet', '--initial-branch=main']);
    git(path, ['fetch', '--quiet', source, 'main:refs/heads/other']);
    git(path, ['update-ref', 'refs/heads/main', to]);
    expect(await followWorkTree(await openRepository(path), undefined, to)).toBeUndefined();
    expect(git(path, ['status', '--porcelain'])).toBe('');
  });

  test.each([
    ['changed', (path: string) => writeFileSync(join(path, 'other'), 'mine'), 'other', 'mine'],
    ['staged', (path: string) => stage(path, 'other', 'mine'), 'other', 'mine'],
    ['not known to git, and in the way', (path: string) => writeFileSync(join(path, 'new'), 'mine'), 'new', 'mine'],
  ])('stay where one was %s, with advice that works', async (_, prepare, name, content) => {
    const { path, repository, old, new: to } = await movedCheckout(prepare);
    const advice = await followWorkTree(repository, old, to);
    expect(advice).toContain(`git -C '${path}' read-tree -m -u ${old} ${to}`);
    expect(readFileSync(join(path, name), 'utf8')).toBe(content);
    expect(readFileSync(join(path, 'value'), 'utf8')).toBe('old');

    git(path, ['reset', '--quiet', old]);
    git(path, ['clean', '-fdq']);
    git(path, ['checkout', '--quiet', old, '--', '.']);
    git(path, ['update-ref', 'refs/heads/main', to]);
    git('/', (advice?.split('with: git ')[1] ?? '').replaceAll("'", '').split(' '));
    expect(readFileSync(join(path, 'value'), 'utf8')).toBe('new');
  });

  test('stay where the repository brings a filter along, which is not run', async () => {
    const sentinel = join(temporaryDirectory(), 'ran');
    const {
      path,
      repository,
      old,
      new: to,
    } = await movedCheckout((checkout) => {
      git(checkout, ['config', 'filter.evil.smudge', `touch ${sentinel}; cat`]);
      writeFileSync(join(checkout, '.git/info/attributes'), '* filter=evil\n');
    });
    expect(await followWorkTree(repository, old, to)).toContain('filters');
    expect(readFileSync(join(path, 'value'), 'utf8')).toBe('old');
    expect(() => readFileSync(sentinel)).toThrow('ENOENT');
  });

  test('are no matter where there are none, or another branch is checked out', async () => {
    expect(await followWorkTree(await emptyRepository(), undefined, '1'.repeat(40))).toBeUndefined();

    const { path, old, new: to } = await movedCheckout();
    expect(await followWorkTree(await openRepository(path, 'elsewhere'), old, to)).toBeUndefined();
    expect(readFileSync(join(path, 'value'), 'utf8')).toBe('old');
  });
});

function stage(path: string, name: string, content: string): void {
  writeFileSync(join(path, name), content);
  git(path, ['add', name]);
}
