import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { syncDirectory } from '../../src/git/durable.ts';
import { acquireLock } from '../../src/git/lock.ts';
import { createRepository, openRepository } from '../../src/git/repository.ts';
import { fsck } from '../../src/git/upkeep.ts';
import { emptyRepository, git, temporaryDirectory } from './temporary.ts';

// A disk that fails at one moment cannot be had.
vi.mock('../../src/git/durable.ts', { spy: true });

describe('createRepository', () => {
  test('makes a bare repository without hooks, and opens it', async () => {
    const repository = await emptyRepository();
    const { gitDir } = repository;
    expect(repository).toEqual({ gitDir, commonDir: gitDir, workTree: undefined, branch: 'refs/heads/main' });
    expect(git(gitDir, ['config', 'core.bare'])).toBe('true');
    expect(readdirSync(gitDir)).not.toContain('hooks');
    expect(await openRepository(gitDir)).toEqual(repository);
  });

  test('takes another branch, missing parents and an empty directory', async () => {
    const path = join(temporaryDirectory(), 'a', 'b');
    mkdirSync(path, { recursive: true });
    expect(await createRepository(path, 'ops/prod')).toMatchObject({ branch: 'refs/heads/ops/prod' });
    expect(await openRepository(path)).toMatchObject({ branch: 'refs/heads/ops/prod' });
  });

  test.each([[], ['objects', 'objects/pack'], ['objects', 'refs', 'config']])(
    'completes what a killed run began, with %j',
    async (...made: string[]) => {
      const path = join(temporaryDirectory(), 'r');
      mkdirSync(join(path, '.treekeeper-making-1', 'objects'), { recursive: true });
      for (const name of made) {
        if (name === 'config')
          writeFileSync(join(path, name), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
        else mkdirSync(join(path, name));
      }
      const repository = await createRepository(path);
      expect(await fsck(repository)).toEqual([]);
      await using _lock = await acquireLock(repository);
      expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([]);
    },
  );

  test('completes what failed half-way', async () => {
    const path = join(temporaryDirectory(), 'r');
    vi.mocked(syncDirectory).mockRejectedValueOnce(new Error('EIO: i/o error, fsync'));
    await expect(createRepository(path)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/EIO/),
    });
    expect(await fsck(await createRepository(path))).toEqual([]);
  });

  test('is done by one of several at a time, and the others are told', async () => {
    const path = join(temporaryDirectory(), 'r');
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => createRepository(path)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason.message).toMatch(/there is a repository at .* already/);
    }
    expect(await fsck(await openRepository(path))).toEqual([]);
    expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test.each(['a file', 'a full directory', 'a repository'])('refuses %s', async (what) => {
    const path = join(temporaryDirectory(), 'r');
    if (what === 'a file') writeFileSync(path, '');
    else if (what === 'a repository') await createRepository(path);
    else mkdirSync(join(path, 'inside'), { recursive: true });
    await expect(createRepository(path)).rejects.toMatchObject({ code: 'failed' });
  });
});

describe('openRepository', () => {
  test('finds the Git directory of a work tree, of the .git in it and of a linked work tree', async () => {
    const path = join(temporaryDirectory(), 'w');
    const gitDir = join(path, '.git');
    git('/', ['init', '--quiet', '--initial-branch=trunk', path]);
    git(path, ['commit', '--quiet', '--allow-empty', '-m', 'x']);
    git(path, ['worktree', 'add', '--quiet', '-b', 'side', join(path, 'linked')]);

    const expected = { gitDir, commonDir: gitDir, workTree: path, branch: 'refs/heads/trunk' };
    expect(await openRepository(path)).toEqual(expected);
    expect(await openRepository(gitDir)).toEqual(expected);
    expect(await openRepository(join(path, 'linked'))).toEqual({
      gitDir: join(gitDir, 'worktrees/linked'),
      commonDir: gitDir,
      workTree: join(path, 'linked'),
      branch: 'refs/heads/side',
    });
  });

  test('takes a branch in full or short, and refuses what cannot be one', async () => {
    const { gitDir } = await emptyRepository();
    expect(await openRepository(gitDir, 'x/y')).toMatchObject({ branch: 'refs/heads/x/y' });
    expect(await openRepository(gitDir, 'refs/heads/x')).toMatchObject({ branch: 'refs/heads/x' });
    for (const name of ['', '-x', '../x', 'a..b', 'a b', 'a~1', 'x.lock', 'a\nb', '@', 'HEAD', 'x/']) {
      await expect(openRepository(gitDir, name), JSON.stringify(name)).rejects.toMatchObject({ code: 'usage' });
    }
  });

  test('tells nothing there from something else there', async () => {
    const path = temporaryDirectory();
    const hint = expect.stringContaining('treekeeper init');
    await expect(openRepository(join(path, 'x'))).rejects.toMatchObject({
      code: 'no-repository',
      message: expect.stringContaining('there is no repository'),
      hint,
    });
    await expect(openRepository(path)).rejects.toMatchObject({
      code: 'no-repository',
      message: expect.stringContaining('is not a Git repository'),
      hint,
    });
  });

  test('refuses a SHA-256 repository and a detached HEAD', async () => {
    const path = join(temporaryDirectory(), 'r');
    git('/', ['init', '--quiet', '--bare', '--object-format=sha256', path]);
    await expect(openRepository(path)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('sha256'),
    });

    const { gitDir } = await emptyRepository();
    writeFileSync(join(gitDir, 'HEAD'), `${'1'.repeat(40)}\n`);
    await expect(openRepository(gitDir)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('not on a branch'),
    });
    expect(await openRepository(gitDir, 'main')).toMatchObject({ branch: 'refs/heads/main' });
  });
});
