import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBranch } from '../../src/git/refs.ts';
import { openRepository } from '../../src/git/repository.ts';
import { backup } from '../../src/operations/backup.ts';
import { contentDigest } from '../../src/operations/content-digest.ts';
import type { Guard } from '../../src/operations/guards.ts';
import { openForBackup } from '../../src/operations/open.ts';
import { readSeen, writeSeen } from '../../src/operations/seen.ts';
import { openDir } from '../../src/services/dir.ts';
import type { ReadEvent, Service, Unreadable } from '../../src/services/service.ts';
import { encodeJson } from '../../src/snapshot/attributes.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { withOrigin, withUnreadable } from './faulty-services.ts';
import { keysIn, node, policy } from './snapshots.ts';

test('what cannot be read stands as it was, and the commit says so', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const live = join(path, 'live');
  for (const name of ['a/x', 'a/y/z', 'b', 'c']) {
    mkdirSync(join(live, name, '..'), { recursive: true });
    writeFileSync(join(live, name), `first ${name}`);
  }
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  await backup(repository, { store: 's', service: openDir({ path: live }), policy });
  for (const name of ['a/x', 'a/y/z', 'b', 'c']) writeFileSync(join(live, name), `second ${name}`);

  const hidden: Unreadable[] = [
    { key: Buffer.from('a'), reason: 'permission denied', subtree: true },
    { key: Buffer.from('b'), reason: 'permission denied', subtree: false },
    { key: Buffer.from('new'), reason: 'permission denied', subtree: false },
  ];
  const result = await backup(repository, {
    store: 's',
    service: withUnreadable(openDir({ path: live }), hidden),
    policy,
  });
  expect(result.status).toBe('created');
  expect(result.unreadable).toEqual(hidden);
  expect(result.report).toMatchObject({ added: 0, changed: 1, removed: 0, nodes: 6 });
  const git = (...args: string[]) => execFileSync('git', ['-C', repository.gitDir, ...args], { encoding: 'utf8' });
  expect(git('log', '-1', '--format=%(trailers:key=Complete,valueonly)', 'main').trim()).toBe('no (3 unreadable)');
  for (const name of ['a/x', 'a/y/z', 'b']) expect(git('show', `main:s/${name}`)).toBe(`first ${name}`);
  expect(git('show', 'main:s/c')).toBe('second c');
});

test.each([
  [['a/*/**', 'b'], []],
  [['a/x', 'a/y/*', 'b'], []],
  [[], ['a', 'a/y', 'c']],
  [
    ['a/y/z', '?'],
    ['a', 'c'],
  ],
])(
  'what is selected below something unreadable that is not stands as it was: %j without %j',
  async (include, exclude) => {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    const live = join(path, 'live');
    for (const name of ['a/y/z', 'b', 'c']) {
      mkdirSync(join(live, name, '..'), { recursive: true });
      writeFileSync(join(live, name), name);
    }
    const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
    const selected = { ...policy, include, exclude };
    await backup(repository, { store: 's', service: openDir({ path: live }), policy: selected });

    const hidden = [{ key: Buffer.from('a'), reason: 'permission denied', subtree: true }];
    const service = withUnreadable(openDir({ path: live }), hidden);
    const result = await backup(repository, { store: 's', service, policy: selected });
    expect(result).toMatchObject({ status: 'unchanged', unreadable: hidden });
    expect(await keysIn(join(path, 'repo.git'))).toEqual(['a', 'a/y', 'a/y/z', 'b']);
  },
);

test.each([
  [['b'], []],
  [[], ['a/**', 'a']],
  [[], ['**', 'b/**']],
])(
  'something unreadable with nothing that is selected below it is none of the store: %j without %j',
  async (include, exclude) => {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    const live = join(path, 'live');
    mkdirSync(join(live, 'a'), { recursive: true });
    for (const name of ['a/x', 'b']) writeFileSync(join(live, name), name);
    const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
    const hidden = [{ key: Buffer.from('a'), reason: 'permission denied', subtree: true }];
    const service = withUnreadable(openDir({ path: live }), hidden);
    const selected = { ...policy, include, exclude };
    expect(await backup(repository, { store: 's', service, policy: selected })).toMatchObject({ unreadable: [] });
  },
);

test('keys too long for a path of their own, below something unreadable, stand as they were', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const long = 'x'.repeat(240);
  const deep = ['a', long, long, long, long, 'leaf'].join('/');
  const live = join(path, 'live');
  for (const name of [deep, 'a/short', 'b']) {
    mkdirSync(join(live, name, '..'), { recursive: true });
    writeFileSync(join(live, name), name);
  }
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  const first = await backup(repository, { store: 's', service: openDir({ path: live }), policy });
  expect(first.report).toMatchObject({ nodes: 8 });
  for (const name of ['a', `a/${long}`, deep.slice(0, -'/leaf'.length)]) {
    const hidden = [{ key: Buffer.from(name), reason: 'permission denied', subtree: true }];
    const service = withUnreadable(openDir({ path: live }), hidden);
    const result = await backup(repository, { store: 's', service, policy });
    expect(result).toMatchObject({ status: 'unchanged', unreadable: hidden });
  }
  expect(await keysIn(join(path, 'repo.git'))).toContain(deep);
});

/** A service that does not tell which nodes it leaves out, as Consul does; those below `/hidden` here. */
function withoutTelling(service: Service, key: string): Service {
  return {
    ...service,
    async *read(options) {
      yield { type: 'batch', nodes: [], hidden: 'the token may not read everything' };
      for await (const event of service.read(options)) {
        if (event.type === 'end') yield event;
        else yield { ...event, nodes: event.nodes.filter((one) => !Buffer.from(one.key).toString().startsWith(key)) };
      }
    },
  };
}

test('what a service leaves out without saying so stands as it was, and the snapshot is not complete', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const live = join(path, 'live');
  for (const name of ['a/x', 'a/y', 'b']) {
    mkdirSync(join(live, name, '..'), { recursive: true });
    writeFileSync(join(live, name), `first ${name}`);
  }
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  await backup(repository, { store: 's', service: openDir({ path: live }), policy });
  writeFileSync(join(live, 'b'), 'second b');
  writeFileSync(join(live, 'c'), 'new');

  const source = { store: 's', service: withoutTelling(openDir({ path: live }), 'a'), policy };
  const { report } = await backup(repository, source);
  expect(report).toMatchObject({ added: 1, changed: 1, removed: 0, hidden: 'the token may not read everything' });
  expect(await keysIn(join(path, 'repo.git'))).toEqual(['a', 'a/x', 'a/y', 'b', 'c']);
  const message = execFileSync('git', ['-C', join(path, 'repo.git'), 'log', '-1', '--format=%B'], { encoding: 'utf8' });
  expect(message).toContain('Complete: no (the token may not read everything)');

  // What is seen and gone is gone; only what is hidden is kept.
  const again = await backup(repository, source);
  expect(again.status).toBe('unchanged');
});

test('a read that breaks off makes no commit', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  mkdirSync(join(path, 'live'));
  writeFileSync(join(path, 'live/a'), '1');
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  const before = await readBranch(repository);
  const service = openDir({ path: join(path, 'live') });
  const broken: Service = {
    ...service,
    async *read(options): AsyncGenerator<ReadEvent> {
      for await (const event of service.read(options)) if (event.type === 'batch') yield event;
    },
  };
  await expect(backup(repository, { store: 's', service: broken, policy })).rejects.toMatchObject({
    code: 'unreachable',
  });
  expect(await readBranch(repository)).toBe(before);
});

test('a source that is allowed where nothing changed is so for that snapshot of that store, and beside its own', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const live = join(path, 'live');
  mkdirSync(live);
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  const take = async (cluster: string | undefined, revision: number, flag?: Guard, store = 's') => {
    const service = withOrigin(openDir({ path: live }), cluster, revision);
    return (await backup(repository, { store, service, policy }, { overridden: new Set(flag && [flag]) })).status;
  };
  const write = (value: string) => writeFileSync(join(live, 'f'), value);
  const refused = { code: 'guard' };
  write('one');
  expect(await take('a', 100)).toBe('created');
  await expect(take('b', 5)).rejects.toMatchObject(refused);
  expect(await take('b', 5, 'other-source')).toBe('unchanged');
  expect(await take('b', 5)).toBe('unchanged');
  await expect(take('b', 4)).rejects.toMatchObject(refused);
  // Without what is kept of it, this would be accepted too: it never takes anything away.
  expect(await take('a', 100)).toBe('unchanged');
  await expect(take('a', 99)).rejects.toMatchObject(refused);
  expect(await take('a', 5, 'older-source')).toBe('unchanged');
  expect(await take('a', 5)).toBe('unchanged');
  await expect(take('a', 4)).rejects.toMatchObject(refused);
  await expect(take('b', 5)).rejects.toMatchObject(refused);

  // The same tree again, in another snapshot.
  expect(await take('b', 5, 'other-source')).toBe('unchanged');
  write('two');
  expect(await take('b', 6)).toBe('created');
  write('one');
  expect(await take('b', 900)).toBe('created');
  await expect(take('b', 6)).rejects.toMatchObject(refused);
  await expect(take('a', 900)).rejects.toMatchObject(refused);

  // A flag that was not needed, of a service that does not tell which it is.
  expect(await take(undefined, 7, 'mass-removal')).toBe('unchanged');
  await expect(take('a', 900)).rejects.toMatchObject(refused);

  expect(await take('b', 900, undefined, 'twin')).toBe('created');
  expect(await take('a', 1, 'other-source', 'twin')).toBe('unchanged');
  cpSync(join(repository.gitDir, 'treekeeper/allowed-twin'), join(repository.gitDir, 'treekeeper/allowed-s'));
  await expect(take('a', 1)).rejects.toMatchObject(refused);
});

test('objects of an abandoned or unchanged run never reach the repository, however large it was', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const live = join(path, 'live');
  mkdirSync(live);
  // More than is held in memory until the tree is known.
  for (let index = 0; index < 80; index++) writeFileSync(join(live, `f${index}`), Buffer.alloc(2 ** 20, `${index}`));
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  const source = { store: 's', service: openDir({ path: live }), policy };
  expect((await backup(repository, source)).status).toBe('created');
  const count = () => execFileSync('git', ['-C', repository.gitDir, 'count-objects', '-v'], { encoding: 'utf8' });
  const before = count();
  expect((await backup(repository, source)).status).toBe('unchanged');
  expect(count()).toBe(before);
  writeFileSync(join(live, 'f7'), 'changed');
  expect((await backup(repository, source)).report).toMatchObject({ added: 0, changed: 1, removed: 0 });
  // One value, the store's directory, the top, the commit.
  const objects = (text: string) => Number(/in-pack: (\d+)/.exec(text)?.[1]);
  expect(objects(count()) - objects(before)).toBe(4);
});

test('what was seen before saves work, and decides nothing when it is lost, damaged, or of another snapshot', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const live = join(path, 'live');
  mkdirSync(live);
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  const run = async () => (await backup(repository, { store: 's', service: openDir({ path: live }), policy })).status;
  const cache = join(repository.gitDir, 'treekeeper/seen-s');
  const shown = () => execFileSync('git', ['-C', repository.gitDir, 'show', 'main:s/f'], { encoding: 'utf8' });

  writeFileSync(join(live, 'f'), 'one');
  expect(await run()).toBe('created');
  const first = readFileSync(cache);
  const one = await readSeen(repository, 's');
  expect(await run()).toBe('unchanged');
  writeFileSync(join(live, 'f'), 'two');
  expect(await run()).toBe('created');
  expect(shown()).toBe('two');

  const second = readFileSync(cache);
  const two = await readSeen(repository, 's');
  const mixed: Buffer[] = [];
  for (const [tree, trees] of [
    [two?.tree, one?.trees],
    [one?.tree, two?.trees],
  ] as const) {
    await writeSeen(repository, 's', { tree: tree ?? '', trees: trees ?? new Map() });
    mixed.push(readFileSync(cache));
  }
  const cut = Array.from({ length: 20 }, (_, index) => second.subarray(0, Math.floor((second.length * index) / 20)));
  const flipped = Buffer.from(second);
  flipped.writeUInt8(flipped.readUInt8(60) ^ 1, 60);
  for (const content of [...cut, first, flipped, Buffer.from('other')]) {
    writeFileSync(cache, content);
    expect(await run()).toBe('unchanged');
    expect(readFileSync(cache).equals(second)).toBe(true);
  }
  for (const content of mixed) {
    writeFileSync(cache, content);
    expect(await run()).toBe('unchanged');
  }

  // The value of the first snapshot again: the cache of that one must not bring its tree back as if nothing changed.
  writeFileSync(join(live, 'f'), 'one');
  writeFileSync(cache, first);
  expect(await run()).toBe('created');
  expect(shown()).toBe('one');
});

test('pieces that are put together otherwise have another digest', () => {
  const digestOf = (nodes: readonly Node[]) => {
    const digest = contentDigest(new Uint8Array());
    for (const one of nodes) digest.add(one);
    return digest.finish();
  };
  const executable = { executable: true };
  const trees: Node[][] = [
    [],
    [node('a', '')],
    [{ ...node('a', ''), value: null }],
    [node('', 'a')],
    [node('ab', 'c')],
    [node('a', 'bc')],
    [node('a', 'b'), node('c', 'd')],
    [node('a', 'bc'), node('', 'd')],
    [{ ...node('a', ''), attributes: executable }],
    [node('a', String(Buffer.from(encodeJson(executable))))],
    [node('x', Buffer.alloc(70_000, 'y'))],
    [node('x', Buffer.alloc(70_001, 'y'))],
    [node('x', Buffer.alloc(65_500, 'y')), node('z', 'z')],
  ];
  expect(new Set(trees.map(digestOf)).size).toBe(trees.length);
  for (const tree of trees) expect(digestOf(tree)).toBe(digestOf(tree));
});

test('a repository that is opened twice is the same', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'repo.git');
  const first = await openForBackup(path, undefined, false);
  const second = await openForBackup(path, undefined, false);
  expect([first.created, second.created]).toEqual([true, false]);
  expect(second.repository).toEqual(await openRepository(path));
});
