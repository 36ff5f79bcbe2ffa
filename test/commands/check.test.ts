import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { inflateSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { reasonOf } from '../../src/errors.ts';
import { check } from '../../src/operations/check.ts';
import { openForReading } from '../../src/operations/open.ts';
import { lines, records, workspace } from './workspace.ts';

/** Three snapshots, of which each has another value at `app/motd`. */
async function threeSnapshots() {
  const space = await workspace();
  for (const value of ['one', 'two', 'three']) {
    space.write('app/motd', `${value} `.repeat(100));
    await space.run('backup', 'dir:live');
  }
  return { ...space, repository: join(space.path, 'snapshots.git') };
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
}

/** What a check of all snapshots finds, or why it could not even begin. */
async function findings(repository: string): Promise<readonly string[]> {
  try {
    await using opened = await openForReading(repository);
    return (await check(opened, { all: true })).findings.map(({ problem }) => problem);
  } catch (thrown) {
    return [reasonOf(thrown)];
  }
}

/** A loose object has some bits between its last block and its checksum that say nothing: nothing is damaged there. */
function isSameObject(bytes: Uint8Array, flipped: Uint8Array): boolean {
  try {
    return inflateSync(bytes).equals(inflateSync(flipped));
  } catch {
    return false;
  }
}

test.each(['with git', 'without git'])(
  'no flipped bit goes unnoticed, %s',
  async (how) => {
    await using space = await threeSnapshots();
    const { repository, git } = space;
    git('repack', '-q', '-d', '--write-midx');
    git('commit-graph', 'write', '--reachable');
    space.write('app/motd', 'after the others were packed');
    await space.run('backup', 'dir:live');
    execFileSync('git', ['-C', repository, 'hash-object', '-w', '--stdin'], { input: 'a loose object' });
    // It lists packs for clients that read a repository over plain HTTP, and nothing is read by it.
    const files = ['objects', 'refs']
      .flatMap((name) => filesIn(join(repository, name)))
      .filter((path) => !path.endsWith('objects/info/packs'));
    files.push(join(repository, 'HEAD'));
    expect(files.some((path) => path.endsWith('refs/heads/main'))).toBe(true);
    expect(await findings(repository)).toEqual([]);

    if (how === 'without git') vi.stubEnv('TREEKEEPER_NO_GIT', '1');
    const silent: string[] = [];
    const flip = async (path: string, at: number, bit: number) => {
      const bytes = readFileSync(path);
      const flipped = Uint8Array.from(bytes);
      flipped[at] = (bytes[at] ?? 0) ^ (1 << bit);
      if (isSameObject(bytes, flipped)) return;
      chmodSync(path, 0o644);
      writeFileSync(path, flipped);
      if ((await findings(repository)).length === 0)
        silent.push(`${relative(repository, path)}: byte ${at}, bit ${bit}`);
      writeFileSync(path, bytes);
    };
    for (const path of files) {
      for (let time = 0; time < 4; time++)
        await flip(path, Math.floor(Math.random() * statSync(path).size), Math.floor(Math.random() * 8));
    }
    git('pack-refs', '--all');
    for (let time = 0; time < 5; time++) await flip(join(repository, 'packed-refs'), 60 + time * 3, time);
    vi.unstubAllEnvs();
    expect(silent).toEqual([]);
  },
  120_000,
);

test('it is told which snapshots are whole, and which key is damaged', async () => {
  await using space = await threeSnapshots();
  const { repository, git, run } = space;
  expect(lines((await run('check', '--all')).stdout)).toEqual(['live: 5 nodes, all sound; 3 of 3 snapshots are whole']);

  const middle = git('rev-parse', 'main~1').trim();
  const oid = git('rev-parse', 'main~1:live/app/motd').trim();
  for (const pack of filesIn(join(repository, 'objects/pack')).filter((path) => path.endsWith('.pack'))) {
    renameSync(pack, join(space.path, 'moved.pack'));
    execFileSync('git', ['-C', repository, 'unpack-objects', '-q'], {
      input: readFileSync(join(space.path, 'moved.pack')),
    });
  }
  const loose = join(repository, 'objects', oid.slice(0, 2), oid.slice(2));
  chmodSync(loose, 0o644);
  writeFileSync(loose, 'garbage');

  const present = await run('check');
  expect([present.status, lines(present.stdout).at(-1)]).toEqual([5, 'live: 5 nodes, all sound']);
  const all = await run('check', '--all', '--json');
  const told = records(all.stdout);
  expect(all.status).toBe(5);
  expect(told).toContainEqual(expect.objectContaining({ type: 'finding', store: 'live', key: 'app/motd' }));
  expect(told.filter(({ type }) => type === 'snapshot')).toEqual([
    expect.objectContaining({ commit: middle, store: 'live', sound: false }),
  ]);
  const newestWhole = git('rev-parse', 'main').trim();
  expect(told).toContainEqual({
    type: 'store',
    store: 'live',
    nodes: 5,
    sound: true,
    snapshots: 3,
    whole: 2,
    newestWhole,
  });
});

test('a part of the values is chosen by a seed, the same part for the same seed', async () => {
  await using space = await workspace();
  for (let index = 0; index < 200; index++) space.write(`wide/${index}`, `value ${index}`);
  await space.run('backup', 'dir:live');
  const read = async (...args: string[]) => {
    const { status, stdout } = await space.run('check', '--json', ...args);
    return [status, records(stdout).at(-1)];
  };
  expect(await read()).toEqual([0, expect.objectContaining({ known: 203, read: 203 })]);
  const [, some] = await read('--read-data', '10%');
  expect(some.read).toBeGreaterThan(0);
  expect(some.read).toBeLessThan(80);
  expect(await read('--read-data', '10%', '--seed', some.seed)).toEqual([0, some]);
  expect((await read('--read-data', 'much'))[0]).toBe(2);
  expect((await read('--seed', '1'))[0]).toBe(2);
});
