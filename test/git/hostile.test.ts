import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { committerIdentity, encodeCommit } from '../../src/git/commit.ts';
import { acquireLock } from '../../src/git/lock.ts';
import { OidSet } from '../../src/git/oid-set.ts';
import { openReader } from '../../src/git/open-reader.ts';
import { openPackWriter } from '../../src/git/pack-writer.ts';
import { moveBranch, readBranch } from '../../src/git/refs.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { fsck } from '../../src/git/upkeep.ts';
import { followWorkTree } from '../../src/git/work-tree.ts';
import { encodeTree } from '../../src/snapshot/tree.ts';
import { emptyRepository, git, temporaryDirectory } from './temporary.ts';

afterEach(() => vi.unstubAllEnvs());

/** All that a backup and a look at it do here. */
async function backUp(repository: Repository): Promise<string> {
  await using _lock = await acquireLock(repository);
  const parent = await readBranch(repository);
  const writer = openPackWriter(repository, new OidSet());
  const tree = writer.tree(encodeTree([{ mode: '100644', name: 'a', oid: writer.blob(Buffer.from('value')) }]));
  const author = await committerIdentity(repository);
  const commit = writer.commit(
    encodeCommit({ tree, parents: parent === undefined ? [] : [parent], author, time: 1, message: 'x\n' }),
  );
  await writer.finish();
  expect(await moveBranch(repository, parent, commit, 'x')).toBe(true);
  await followWorkTree(repository, parent, commit);

  await using reader = await openReader(repository);
  expect(await reader.resolve('main')).toBe(commit);
  await reader.readTree(tree);
  expect(await fsck(repository)).toEqual([]);
  return commit;
}

describe('a hostile repository', () => {
  test('runs no program, whatever its configuration, hooks and attributes say', async () => {
    const sentinel = join(temporaryDirectory(), 'ran');
    const path = temporaryDirectory();
    git(path, ['init', '--quiet', '--initial-branch=main']);

    const program = join(path, 'program');
    writeFileSync(program, `#!/bin/sh\ntouch ${sentinel}\ncat\n`);
    chmodSync(program, 0o755);
    const hooks = join(path, '.git/hooks');
    mkdirSync(hooks, { recursive: true });
    for (const hook of [
      'reference-transaction',
      'post-index-change',
      'post-checkout',
      'pre-auto-gc',
      'fsmonitor-watchman',
      'post-commit',
    ]) {
      writeFileSync(join(hooks, hook), `#!/bin/sh\ntouch ${sentinel}\n`);
      chmodSync(join(hooks, hook), 0o755);
    }
    const settings = [
      'core.fsmonitor',
      'core.hooksPath',
      'core.sshCommand',
      'core.pager',
      'core.editor',
      'core.askPass',
      'core.alternateRefsCommand',
    ];
    for (const setting of [
      ...settings,
      'gpg.program',
      'diff.external',
      'filter.x.clean',
      'filter.x.smudge',
      'filter.x.process',
      'credential.helper',
    ]) {
      git(path, ['config', setting, setting === 'core.hooksPath' ? hooks : program]);
    }
    for (const verb of ['cat-file', 'index-pack', 'update-ref', 'for-each-ref', 'fsck', 'read-tree']) {
      git(path, ['config', `alias.${verb}`, `!${program}`]);
    }
    git(path, ['config', 'gc.auto', '1']);
    writeFileSync(join(path, '.git/info/attributes'), '* filter=x diff=x\n');

    const repository = await openRepository(path);
    await backUp(repository);
    await backUp(repository);
    expect(existsSync(sentinel)).toBe(false);
  });

  test('cannot have an object read for another one', async () => {
    const repository = await emptyRepository();
    const commit = await backUp(repository);
    const other = git(repository.gitDir, ['commit-tree', `${commit}^{tree}`, '-m', 'forged']);
    git(repository.gitDir, ['replace', commit, other]);
    await using reader = await openReader(repository);
    expect(Buffer.from((await reader.read(commit)).content).toString()).not.toContain('forged');
  });
});

describe('an inherited environment', () => {
  test('does not lead to another repository, index or object directory, and nothing is traced', async () => {
    const [repository, other] = [await emptyRepository(), await emptyRepository()];
    const trace = join(temporaryDirectory(), 'trace');
    vi.stubEnv('GIT_DIR', other.gitDir);
    vi.stubEnv('GIT_WORK_TREE', other.gitDir);
    vi.stubEnv('GIT_INDEX_FILE', join(other.gitDir, 'index'));
    vi.stubEnv('GIT_OBJECT_DIRECTORY', join(other.gitDir, 'objects'));
    vi.stubEnv('GIT_NAMESPACE', 'elsewhere');
    vi.stubEnv('GIT_TRACE', trace);
    vi.stubEnv('GIT_CONFIG_COUNT', '1');
    vi.stubEnv('GIT_CONFIG_KEY_0', 'core.bare');
    vi.stubEnv('GIT_CONFIG_VALUE_0', 'nonsense');
    vi.stubEnv('EDITOR', 'vi');
    const commit = await backUp(repository);
    vi.unstubAllEnvs();

    expect(git(repository.gitDir, ['rev-parse', 'main'])).toBe(commit);
    expect(git(other.gitDir, ['count-objects'])).toMatch(/^0 objects/);
    expect(existsSync(trace)).toBe(false);
  });

  test('can hide git: looking works then, and writing says what it needs', async () => {
    const repository = await emptyRepository();
    const commit = await backUp(repository);
    vi.stubEnv('TREEKEEPER_NO_GIT', '1');
    await using reader = await openReader(repository);
    expect(await reader.resolve('main')).toBe(commit);
    expect(await fsck(repository)).toBeUndefined();
    await expect(moveBranch(repository, commit, commit, 'x')).rejects.toMatchObject({
      code: 'failed',
      hint: expect.stringContaining('2.30'),
    });
  });
});
