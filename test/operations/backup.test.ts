import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readBranch } from '../../src/git/refs.ts';
import { openRepository } from '../../src/git/repository.ts';
import { backup } from '../../src/operations/backup.ts';
import { contentDigest } from '../../src/operations/content-digest.ts';
import { openForBackup, openForReading } from '../../src/operations/open.ts';
import { planRestore } from '../../src/operations/plan-restore.ts';
import { applyPlan } from '../../src/operations/restore.ts';
import { locate } from '../../src/operations/revision.ts';
import { openDir } from '../../src/services/dir.ts';
import { openEtcd } from '../../src/services/etcd.ts';
import type { ReadEvent, Service, Unreadable } from '../../src/services/service.ts';
import { encodeJson } from '../../src/snapshot/attributes.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { walkSnapshot } from '../../src/snapshot/walk.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Etcd, startEtcd } from '../servers/etcd.ts';
import { temporaryDirectory } from '../servers/process.ts';

const policy = { include: [], exclude: [], ephemeral: 'skip' } as const;

const node = (key: string, value: string | Uint8Array) => ({
  key: Buffer.from(key, 'latin1'),
  value: typeof value === 'string' ? Buffer.from(value, 'latin1') : value,
  attributes: undefined,
  ephemeral: undefined,
});

async function keysIn(repositoryPath: string, revision = 'latest'): Promise<string[]> {
  await using opened = await openForReading(repositoryPath);
  const { snapshot } = await locate(opened.reader, opened.repository, revision);
  const keys: string[] = [];
  await walkSnapshot(snapshot, ({ key }) => keys.push(Buffer.from(key).toString('latin1')));
  return keys;
}

/** Some of a service's nodes cannot be read: a fault that no user of root can be made to see. */
function withUnreadable(service: Service, hidden: readonly Unreadable[]): Service {
  return {
    ...service,
    async *read(options) {
      const isHidden = (key: Uint8Array) =>
        hidden.some((item) => `${Buffer.from(key)}/`.startsWith(`${Buffer.from(item.key)}/`));
      yield { type: 'batch', nodes: [], unreadable: hidden };
      for await (const event of service.read(options)) {
        if (event.type === 'end') yield event;
        else yield { ...event, nodes: event.nodes.filter(({ key }) => !isHidden(key)) };
      }
    },
  };
}

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
  const cache = join(repository.gitDir, 'treekeeper/seen-s.json');
  const shown = () => execFileSync('git', ['-C', repository.gitDir, 'show', 'main:s/f'], { encoding: 'utf8' });

  writeFileSync(join(live, 'f'), 'one');
  expect(await run()).toBe('created');
  const first = readFileSync(cache, 'utf8');
  expect(await run()).toBe('unchanged');
  writeFileSync(join(live, 'f'), 'two');
  expect(await run()).toBe('created');
  expect(shown()).toBe('two');

  const second = readFileSync(cache, 'utf8');
  const [one, two] = [JSON.parse(first), JSON.parse(second)];
  const mixed = [
    { tree: two.tree, digest: one.digest },
    { tree: one.tree, digest: two.digest },
  ].map((seen) => JSON.stringify(seen));
  const cut = Array.from({ length: 20 }, (_, index) => second.slice(0, Math.floor((second.length * index) / 20)));
  for (const content of [...cut, ...mixed, first, 'null', '[]', '{"tree":1,"digest":2}']) {
    writeFileSync(cache, content);
    expect(await run()).toBe('unchanged');
    expect(readFileSync(cache, 'utf8')).toBe(second);
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

const describe = describeWith('etcd', 'etcdctl');

describe('etcd', () => {
  async function workspace(options: Parameters<typeof startEtcd>[0] = {}) {
    const [directory, etcd] = await Promise.all([temporaryDirectory(), startEtcd(options)]);
    const path = join(directory.path, 'repo.git');
    return {
      etcd,
      path,
      directory: directory.path,
      take: async (from: Etcd = etcd, more: object = {}, access: object = {}) => {
        const { repository } = await openForBackup(path, undefined, false);
        await using service = openEtcd({ ...from.address, ...access });
        return await backup(repository, { store: 's', service, policy }, more);
      },
      async [Symbol.asyncDispose]() {
        await etcd[Symbol.asyncDispose]();
        await directory[Symbol.asyncDispose]();
      },
    };
  }

  const nasty = [
    '/a',
    '/a/',
    '/a/b',
    '/a//b',
    '/',
    '//',
    'rel',
    '/A',
    '/con',
    '/.git/x',
    '/x.gpg',
    '/\xff\0',
    '\xff',
    '/big',
    `/${'n'.repeat(400)}`,
  ];

  test('backed up, restored into another etcd and backed up again, it is the same tree', async () => {
    await using space = await workspace();
    await using second = await startEtcd();
    await using service = openEtcd(space.etcd.address);
    const nodes = nasty.map((key, index) =>
      node(key, key === '/big' ? Buffer.alloc(1_400_000, 'x') : `${index}\0\xff`),
    );
    expect((await service.create(nodes)).every(({ status }) => status === 'created')).toBe(true);
    await service.create([node('/empty', '')]);
    const { commit } = await space.take();

    await using opened = await openForReading(space.path);
    const { snapshot } = await locate(opened.reader, opened.repository, 'latest');
    await using target = openEtcd(second.address);
    const request = { snapshot, service: target, below: undefined, moves: [], persistEphemeral: false };
    const outcomes: string[] = [];
    const run = async () =>
      applyPlan(await planRestore(request), target, {
        onDone: (batch) => outcomes.push(...batch.map(({ outcome }) => outcome.status)),
      });
    await run();
    expect(outcomes).toEqual(Array.from({ length: nasty.length + 1 }, () => 'created'));
    await run();
    expect(outcomes.length).toBe(nasty.length + 1);

    const again = await space.take(second, { overridden: new Set(['other-source', 'older-source']) });
    expect(again).toMatchObject({ status: 'unchanged', commit });
  });

  test('a clone, git and a shell give every value back', async () => {
    await using space = await workspace();
    await using service = openEtcd(space.etcd.address);
    const values = Array.from({ length: 256 }, (_, byte) =>
      node(`/bytes/${String.fromCharCode(byte)}`, Uint8Array.of(byte, 10, byte)),
    );
    await service.create(values.filter(({ key }) => !key.includes(0x2f, 7)));
    await space.take();
    const clone = join(space.directory, 'clone');
    execFileSync('git', ['clone', '-q', space.path, clone]);
    const script = `
      cd "$1/s/bytes"
      for file in *; do
        # %XX is a byte, everything else stands for itself
        printf "$(printf %s "$file" | sed 's/%\\([0-9A-F][0-9A-F]\\)/\\\\x\\1/g')" | od -An -tx1 | tr -d ' \\n'
        printf ' '
        od -An -tx1 "$file" | tr -d ' \\n'
        echo
      done`;
    const lines = execFileSync('bash', ['-c', script, 'bash', clone], { encoding: 'utf8' }).trim().split('\n');
    const hex = (byte: number) => byte.toString(16).padStart(2, '0');
    const expected = Array.from({ length: 256 }, (_, byte) => byte)
      .filter((byte) => byte !== 0x2f && byte !== 0)
      .map((byte) => `${hex(byte)} ${hex(byte)}0a${hex(byte)}`);
    expect(lines.filter((line) => !line.endsWith(' 000a00')).sort()).toEqual(expected.sort());
    expect(readFileSync(join(clone, 's/bytes/%00'))).toEqual(Buffer.from([0, 10, 0]));
  });

  test('the guards: another cluster, an older revision, a service that lost its nodes', async () => {
    await using space = await workspace();
    const { etcd, take, path } = space;
    await using service = openEtcd(etcd.address);
    await service.create(Array.from({ length: 250 }, (_, index) => node(`/n/${index}`, '1')));
    await take();
    const before = await keysIn(path);

    await etcd.ctl('del', '/n/1', '/n/9');
    await expect(take()).rejects.toMatchObject({
      code: 'guard',
      message: expect.stringContaining('are gone'),
      hint: expect.stringContaining('--allow-mass-removal'),
    });
    await etcd.ctl('del', '', '--prefix');
    await expect(take()).rejects.toMatchObject({ code: 'guard', message: expect.stringContaining('is empty') });
    expect(await keysIn(path)).toEqual(before);
    expect((await take(etcd, { overridden: new Set(['mass-removal']) })).report).toMatchObject({
      removed: 250,
      nodes: 0,
    });
    expect(await keysIn(path)).toEqual([]);

    await using other = await startEtcd({ args: ['--initial-cluster-token', 'another'] });
    await expect(take(other)).rejects.toMatchObject({
      code: 'guard',
      hint: expect.stringContaining('--allow-other-source'),
    });
    expect((await take(other, { overridden: new Set(['other-source']) })).status).toBe('unchanged');
  });

  test('a user who may not read the root node keeps it as it was', async () => {
    await using space = await workspace();
    const { etcd, take, path } = space;
    await etcd.ctl('put', '/app', 'of the node itself');
    await etcd.ctl('put', '/app/x', '1');
    const root = Buffer.from('/app');
    await take(etcd, {}, { root });
    await etcd.ctl('put', '/app/x', '2');
    await etcd.enableAuth();
    const result = await take(etcd, {}, { root, user: 'bob', password: 'bobpw' });
    expect(result.unreadable.map(({ key }) => String(key))).toEqual(['/app']);
    expect(result.report).toMatchObject({ added: 0, changed: 1, removed: 0, unreadable: 1 });
    expect((await keysIn(path)).sort()).toEqual(['/app', '/app/x']);
  });

  test('whatever is there, missing or different, a restore only adds; planned again, it has nothing to do', async () => {
    await using space = await workspace();
    const { etcd, take, path } = space;
    await using service = openEtcd(etcd.address);
    let round = 0;
    const keys = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(keys, keys, keys, async (inSnapshot, deleted, changed) => {
        round += 1;
        const root = `/r${round}`;
        await service.create(inSnapshot.map((number) => node(`${root}/${number}`, `${number}`)));
        await take(etcd, { overridden: new Set(['mass-removal']) });
        for (const number of deleted.slice(0, 5)) await etcd.ctl('del', `${root}/${number}`);
        for (const number of changed.slice(0, 5)) await etcd.ctl('put', `${root}/${number}`, 'changed');
        const state = async () => JSON.parse(await etcd.ctl('get', root, '--prefix', '-w', 'json')).kvs ?? [];
        const before: { key: string; value: string; mod_revision: number }[] = await state();

        await using opened = await openForReading(path);
        const { snapshot } = await locate(opened.reader, opened.repository, 'latest');
        const request = { snapshot, service, below: Buffer.from(root), moves: [], persistEphemeral: false };
        await applyPlan(await planRestore(request), service);
        const after = await state();
        for (const entry of before) expect(after).toContainEqual(entry);
        const missing = inSnapshot.filter(
          (number) => !before.some(({ key }) => Buffer.from(key, 'base64').toString() === `${root}/${number}`),
        );
        expect(after.length).toBe(before.length + missing.length);
        expect((await planRestore(request)).steps.filter(({ verdict }) => verdict === 'create')).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });

  test('ephemeral keys are skipped and counted, or recorded and never restored unless asked', async () => {
    await using space = await workspace();
    const { etcd, path, directory } = space;
    const [, lease = ''] = /lease (\w+) granted/.exec(await etcd.ctl('lease', 'grant', '600')) ?? [];
    await etcd.ctl('put', '/lock', 'mine', `--lease=${lease}`);
    await etcd.ctl('put', '/plain', '1');
    expect((await space.take()).report).toMatchObject({ nodes: 1, skipped: new Map([['ephemeral', 1]]) });

    const { repository } = await openForBackup(path, undefined, false);
    await using service = openEtcd(etcd.address);
    await backup(repository, { store: 's', service, policy: { ...policy, ephemeral: 'record' } });
    expect(await keysIn(path)).toEqual(['/lock', '/plain']);
    await using opened = await openForReading(path);
    const { snapshot } = await locate(opened.reader, opened.repository, 'latest');
    const target = openDir({ path: join(directory, 'target') });
    const request = { snapshot, service: target, below: undefined, moves: [], persistEphemeral: false };
    const verdicts = async (persistEphemeral: boolean) =>
      (await planRestore({ ...request, persistEphemeral })).steps.map(
        ({ verdict, key }) => `${verdict} ${String(key)}`,
      );
    expect(await verdicts(false)).toEqual(['skipped lock', 'create plain']);
    expect(await verdicts(true)).toEqual(['create lock', 'create plain']);
  });
});

test('a repository that is opened twice is the same', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'repo.git');
  const first = await openForBackup(path, undefined, false);
  const second = await openForBackup(path, undefined, false);
  expect([first.created, second.created]).toEqual([true, false]);
  expect(second.repository).toEqual(await openRepository(path));
});
