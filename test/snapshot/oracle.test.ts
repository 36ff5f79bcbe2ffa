import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeCommit } from '../../src/git/commit.ts';
import { OidSet } from '../../src/git/oid-set.ts';
import { openPackWriter } from '../../src/git/pack-writer.ts';
import { moveBranch } from '../../src/git/refs.ts';
import { createRepository } from '../../src/git/repository.ts';
import { directoryMode } from '../../src/snapshot/objects.ts';
import { encodeTree } from '../../src/snapshot/tree.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { anyKey, hostileSegments } from './keys.ts';
import { build, byKey, type Item, manifestOf, memory, open, paths, walk } from './memory.ts';

test('twenty thousand hostile keys pass fsck, a suspicious push and a suspicious clone, and come back', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: path, encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 28 });
  const seed = Date.now() % 2 ** 31;
  console.info(`seed ${seed}`);
  const random = fc.sample(anyKey, { seed, numRuns: 24_000 }).map((key) => `/${key}`);
  const keys = [...new Set([...hostileSegments.map((segment) => `/${segment}`), ...random])].filter(
    (key) => key !== '/',
  );
  const items: Item[] = keys.slice(0, 20_000).map((key, index) => ({ key, value: `${index}\0\xff` }));
  expect(items.length).toBe(20_000);

  const repository = await createRepository(join(path, 'repo.git'));
  const writer = openPackWriter(repository, new OidSet());
  const tree = build(writer, items, manifestOf('etcd'));
  const person = { name: 'test', email: 'test@localhost' };
  const root = writer.tree(encodeTree([{ mode: directoryMode, name: 's', oid: tree }]));
  const commit = writer.commit(encodeCommit({ tree: root, parents: [], author: person, time: 1, message: 'x\n' }));
  await writer.finish();
  expect(await moveBranch(repository, undefined, commit, 'test')).toBe(true);

  expect(git('-C', 'repo.git', 'fsck', '--strict', '--no-progress')).toBe('');
  git('init', '-q', '--bare', 'remote.git');
  for (const setting of ['receive.fsckObjects', 'core.protectHFS', 'core.protectNTFS'])
    git('-C', 'remote.git', 'config', setting, 'true');
  git('-C', 'repo.git', 'push', '-q', join(path, 'remote.git'), 'main');
  git('clone', '-q', '-b', 'main', '-c', 'core.protectHFS=true', '-c', 'core.protectNTFS=true', 'remote.git', 'clone');
  expect(git('-C', 'clone', 'status', '--porcelain')).toBe('');

  const store = memory();
  const copied = copyTree(store, join(path, 'clone', 's'));
  expect(copied).toBe(tree);
  expect((await walk(await open(store, copied))).sort(byKey)).toEqual(items.toSorted(byKey));
  expect(git('-C', 'clone', 'ls-tree', '-r', '--name-only', 'HEAD:s').trim().split('\n').sort()).toEqual(
    (await paths(store, copied)).sort(),
  );
}, 240_000);

/** Turns files on the disk back into objects, with nothing but their names and bytes. */
function copyTree(store: ReturnType<typeof memory>, directory: string): string {
  const entries = readdirSync(directory).map((name) => {
    const path = join(directory, name);
    if (lstatSync(path).isDirectory()) return { mode: '40000', name, oid: copyTree(store, path) };
    return { mode: '100644', name, oid: store.blob(readFileSync(path)) };
  });
  return store.tree(encodeTree(entries));
}
