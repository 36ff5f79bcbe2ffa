import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { acquireLock } from '../../src/git/lock.ts';
import type { Repository } from '../../src/git/repository.ts';
import { compiled, runs, start } from './child.ts';
import { emptyRepository } from './temporary.ts';

const longAgo = new Date(Date.now() - 2 * 60 * 60_000);

/** What this process writes into the lock. */
async function ownLock(repository: Repository): Promise<Record<string, unknown>> {
  await using _lock = await acquireLock(repository);
  return JSON.parse(readFileSync(join(repository.gitDir, 'treekeeper/lock'), 'utf8'));
}

describe('acquireLock', () => {
  test('keeps others out until it is given back, and says who has it', async () => {
    const repository = await emptyRepository();
    const lock = await acquireLock(repository);
    await expect(acquireLock(repository)).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`process ${process.pid} on`),
    });
    await lock[Symbol.asyncDispose]();
    await (await acquireLock(repository))[Symbol.asyncDispose]();
    expect(readdirSync(join(repository.gitDir, 'treekeeper'))).toEqual([]);
  });

  test.each([
    ['a process that is no more', { pid: 4_000_000 }, 'taken'],
    ['a process whose number another one has now', { started: '1' }, 'taken'],
    ['a machine that was started again', { boot: 'before' }, 'taken'],
    ['a process that lives', {}, 'locked'],
    ['a process on another host', { host: 'elsewhere', pid: 4_000_000 }, 'locked'],
  ])('the lock of %s', async (_, owner, outcome) => {
    const repository = await emptyRepository();
    const lock = { ...(await ownLock(repository)), nonce: 'another', ...owner };
    writeFileSync(join(repository.gitDir, 'treekeeper/lock'), JSON.stringify(lock));

    const result = await acquireLock(repository).then(
      () => 'taken',
      (error) => error.code,
    );
    expect(result).toBe(outcome);
    expect(readdirSync(join(repository.gitDir, 'treekeeper'))).toEqual(['lock']);
  });

  test('is taken over even where the last one to try died of it', async () => {
    const repository = await emptyRepository();
    const dead = { ...(await ownLock(repository)), pid: 4_000_000 };
    const directory = join(repository.gitDir, 'treekeeper');
    writeFileSync(join(directory, 'lock'), JSON.stringify({ ...dead, nonce: 'a' }));
    writeFileSync(join(directory, 'a.dead'), JSON.stringify({ ...dead, nonce: 'b' }));
    await using _lock = await acquireLock(repository);
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  test('is not guessed at where the file holds something else', async () => {
    const repository = await emptyRepository();
    mkdirSync(join(repository.gitDir, 'treekeeper'));
    writeFileSync(join(repository.gitDir, 'treekeeper/lock'), '');
    await expect(acquireLock(repository)).rejects.toMatchObject({
      code: 'locked',
      hint: expect.stringContaining('remove that file'),
    });
  });

  test('is held by one of twenty at a time, which all find a dead one', { timeout: 60_000 }, async () => {
    const repository = await emptyRepository();
    const dead = { ...(await ownLock(repository)), pid: 4_000_000, nonce: 'dead' };
    writeFileSync(join(repository.gitDir, 'treekeeper/lock'), JSON.stringify(dead));

    const children = Array.from({ length: 20 }, () => start(runs.lock, [compiled(), repository.gitDir]));
    const ends = await Promise.all(children.map(({ ended }) => ended));
    expect(ends.map(({ stderr }) => stderr).join('')).toBe('');
    const got = ends.filter(({ stdout }) => stdout.includes('had it'));
    expect(got.length).toBeGreaterThan(0);
    expect(ends.filter(({ stdout }) => stdout.includes('locked')).length).toBe(20 - got.length);
    expect(readdirSync(join(repository.gitDir, 'treekeeper'))).toEqual([]);
  });
});

describe('what dead runs left', () => {
  /** Files that only something that died can have left, by how old they have to be. */
  const ours = ['HEAD.lock', 'refs/heads/main.lock', 'objects/tmp_objdir-treekeeper-1234/pack/tmp_pack_x'];
  const anybodys = [
    'packed-refs.lock',
    'config.lock',
    'index.lock',
    'refs/tags/v1.lock',
    'objects/info/commit-graph.lock',
    'objects/pack/multi-pack-index.lock',
    'logs/refs/heads/main.lock',
    'packed-refs.new',
  ];
  const packs = ['objects/pack/.tmp-12-pack-1234.pack', 'objects/pack/tmp_pack_abc', 'objects/pack/pack-1234.pack'];

  function leave({ gitDir }: Repository, names: readonly string[], time?: Date): void {
    for (const name of names) {
      const path = join(gitDir, name);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, '');
      if (time) utimesSync(path, time, time);
    }
  }

  test('goes under the lock, once it is old enough', async () => {
    const repository = await emptyRepository();
    const all = [...ours, ...anybodys, ...packs];
    leave(repository, all, longAgo);
    await using _lock = await acquireLock(repository);
    expect(all.filter((name) => existsSync(join(repository.gitDir, name)))).toEqual([]);
  });

  test('goes where git talked to a remote for a process that is dead, and for no other', async () => {
    const repository = await emptyRepository();
    const owner = await ownLock(repository);
    const leaveScratch = (name: string, content?: object) => {
      const directory = join(repository.gitDir, 'treekeeper', name);
      mkdirSync(join(directory, 'refs'), { recursive: true });
      if (content) writeFileSync(join(directory, 'owner'), JSON.stringify(content));
      utimesSync(directory, longAgo, longAgo);
    };
    leaveScratch('scratch-alive', owner);
    leaveScratch('scratch-dead', { ...owner, pid: 4_000_000 });
    leaveScratch('scratch-begun');
    await using _lock = await acquireLock(repository);
    expect(readdirSync(join(repository.gitDir, 'treekeeper')).sort()).toEqual(['lock', 'scratch-alive']);
  });

  test('is no cache, however long ago that was written', async () => {
    const repository = await emptyRepository();
    const caches = ['seen-app', 'tags-app', 'run-app', 'seen-x.new', 'tags-x.0123456789abcdef'];
    const dead = ['0123456789abcdef.new', '0123456789abcdef.dead', 'new-0123456789abcdef'];
    const names = [...caches, ...dead].map((name) => `treekeeper/${name}`);
    leave(repository, names, longAgo);
    await using _lock = await acquireLock(repository);
    expect(readdirSync(join(repository.gitDir, 'treekeeper')).sort()).toEqual([...caches, 'lock'].sort());
  });

  test('stays where it may belong to a git that runs now', async () => {
    const repository = await emptyRepository();
    const young = ['HEAD.lock', 'refs/heads/main.lock', ...anybodys, ...packs];
    leave(repository, young);
    await using _lock = await acquireLock(repository);
    expect(young.filter((name) => !existsSync(join(repository.gitDir, name)))).toEqual([]);
  });

  test('stays while another run has the lock', async () => {
    const repository = await emptyRepository();
    await using _lock = await acquireLock(repository);
    leave(repository, ours, longAgo);
    await expect(acquireLock(repository)).rejects.toMatchObject({ code: 'locked' });
    expect(ours.filter((name) => !existsSync(join(repository.gitDir, name)))).toEqual([]);
  });
});
