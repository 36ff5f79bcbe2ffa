import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { moveBranch, moveRefs, readBranch, readRef } from '../../src/git/refs.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { emptyRepository, git } from './temporary.ts';

const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

function commits({ gitDir }: Repository): [string, string, string] {
  git(gitDir, ['hash-object', '-w', '-t', 'tree', '--stdin']);
  const make = (message: string) => git(gitDir, ['commit-tree', emptyTree, '-m', message]);
  return [make('one'), make('two'), make('three')];
}

describe('a branch', () => {
  test('moves from what it was to what it is to be, and the reflog tells', async () => {
    const repository = await emptyRepository();
    const [one, two] = commits(repository);
    expect(await readBranch(repository)).toBeUndefined();
    expect(await moveBranch(repository, undefined, one, 'made')).toBe(true);
    expect(await moveBranch(repository, one, two, 'a message\nof two lines')).toBe(true);
    expect(await readBranch(repository)).toBe(two);
    expect(readFileSync(join(repository.gitDir, 'logs/refs/heads/main'), 'utf8')).toMatch(
      /\tmade\n.*\ta message of two lines\n$/,
    );
  });

  test.each(['refs/heads/main', 'refs/remotes/origin/main'] as const)(
    'moves past the lock of %s that a killed git left, and waits for one that a git may hold',
    async (ref) => {
      const repository = await emptyRepository();
      const [one, two] = commits(repository);
      const lock = join(repository.gitDir, `${ref}.lock`);
      mkdirSync(dirname(lock), { recursive: true });
      const leave = (age: number) => {
        writeFileSync(lock, '');
        utimesSync(lock, new Date(), new Date(Date.now() - age));
      };
      leave(11_000);
      await moveRefs(repository, [{ ref, to: one }], 'one');
      expect(await readRef(repository.gitDir, ref)).toBe(one);

      leave(0);
      let isMoved = false;
      const moving = moveRefs(repository, [{ ref, to: two }], 'two').then(() => {
        isMoved = true;
      });
      // Long enough for a git to fail of it.
      await readRef(repository.gitDir, ref);
      await readRef(repository.gitDir, ref);
      expect([isMoved, existsSync(lock)]).toEqual([false, true]);
      rmSync(lock);
      await moving;
      expect(await readRef(repository.gitDir, ref)).toBe(two);
    },
  );

  test('stays where it is where somebody else was first', async () => {
    const repository = await emptyRepository();
    const [one, two, three] = commits(repository);
    await moveBranch(repository, undefined, one, 'made');
    expect(await moveBranch(repository, undefined, two, 'made again')).toBe(false);
    expect(await moveBranch(repository, two, three, 'moved')).toBe(false);
    expect(await readBranch(repository)).toBe(one);
  });

  test('is told from one below it', async () => {
    const repository = await emptyRepository();
    const [one] = commits(repository);
    await moveBranch(await openRepository(repository.gitDir, 'main/x'), undefined, one, 'made');
    expect(await readBranch(repository)).toBeUndefined();
    await expect(moveBranch(repository, undefined, one, 'made')).rejects.toMatchObject({ code: 'failed' });
  });

  test('fails where git cannot move it, with the reason', async () => {
    const repository = await emptyRepository();
    const [one] = commits(repository);
    await expect(moveBranch(repository, undefined, '1'.repeat(40), 'x')).rejects.toMatchObject({ code: 'failed' });
    // A directory is no lock of git's, and is not removed.
    const lock = join(repository.gitDir, 'refs/heads/main.lock');
    mkdirSync(lock);
    utimesSync(lock, new Date(), new Date(0));
    await expect(moveBranch(repository, undefined, one, 'x')).rejects.toMatchObject({
      message: expect.stringContaining('main.lock'),
    });
  });
});
