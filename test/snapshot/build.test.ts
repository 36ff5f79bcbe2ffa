import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffSnapshots, kindOf } from '../../src/snapshot/diff.ts';
import type { Kind } from '../../src/snapshot/layout.ts';
import { findNode } from '../../src/snapshot/walk.ts';
import { anyKey } from './keys.ts';
import { build, byKey, type Item, manifestOf, memory, open, paths, walk } from './memory.ts';

const value = fc.constantFrom('', 'a', 'b', 'c\xff');
const items = (prefix: string): fc.Arbitrary<Item[]> =>
  fc
    .uniqueArray(fc.tuple(anyKey, value, fc.option(fc.constantFrom('{}\n', '{"a": 1}\n'), { nil: undefined })), {
      maxLength: 40,
      selector: ([key]) => key,
    })
    .map((all) =>
      all.map(([key, content, attributes]) => ({
        key: prefix + key,
        value: content,
        ...(attributes && { attributes }),
      })),
    );

test('the tree depends on the nodes alone, not on their order nor on when directories are closed', async () => {
  await fc.assert(
    fc.asyncProperty(items('/'), fc.infiniteStream(fc.nat()), async (tree, random) => {
      const store = memory();
      const manifest = manifestOf('etcd');
      const sorted = tree.toSorted(byKey);
      const shuffled = tree
        .map((item) => [random.next().value ?? 0, item] as const)
        .toSorted(([a], [b]) => a - b)
        .map(([, item]) => item);
      const expected = build(store, sorted, manifest, true);
      expect(build(memory(), shuffled, manifest)).toBe(expected);
      expect(build(memory(), sorted, manifest)).toBe(expected);
    }),
    { numRuns: 300 },
  );
});

test('keys with and without a leading slash, in byte order, close nothing too early', async () => {
  const keys = [
    '!',
    '!/x',
    '.',
    '/',
    '//',
    '/a',
    '/a!',
    '/a-b',
    '/a/b',
    '/a/b/c',
    '/a0',
    '0',
    'a',
    'a!',
    'a/b',
    '\xff',
  ];
  const store = memory();
  const all = keys.map((key) => ({ key, value: key }));
  const tree = build(store, all, manifestOf('etcd'), true);
  expect(build(memory(), all.toReversed(), manifestOf('etcd'))).toBe(tree);
  expect((await walk(await open(store, tree))).sort(byKey)).toEqual(all);
});

test.each<[Kind, string, string[]]>([
  ['etcd', '', ['/', '/a', '/a/b', 'a', '%rel/x', '//']],
  ['etcd', '/app', ['/app', '/app/', '/app/a', '/app//']],
  ['etcd', '/app/', ['/app/', '/app/a', '/app//x']],
  ['consul', '', ['a', 'a/', 'a/b', '/lead', 'x//y']],
  ['consul', 'app', ['app', 'app/', 'app/a']],
  ['consul', 'app/', ['app/', 'app/a/']],
])('%s with the root %j keeps %j', async (kind, root, keys) => {
  const store = memory();
  const all = keys.map((key) => ({ key, value: key }));
  const tree = build(store, all, manifestOf(kind, root));
  const snapshot = await open(store, tree);
  expect((await walk(snapshot)).sort(byKey)).toEqual(all.toSorted(byKey));
  for (const key of keys) expect((await findNode(snapshot, Buffer.from(key))).entry?.value).toBeTruthy();
});

test('the same tree below another root is the same, but for the manifest', async () => {
  const store = memory();
  const below = (root: string) => [`${root}/a`, `${root}/b/c`].map((key) => ({ key, value: '1' }));
  const [us, eu] = [
    build(store, below('/us'), manifestOf('etcd', '/us')),
    build(store, below('/eu'), manifestOf('etcd', '/eu')),
  ];
  const names = async (tree: string) => (await store.readTree(tree)).filter(({ name }) => name !== '%store.json');
  expect(await names(us)).toEqual(await names(eu));
});

test('no value, an empty value and no node are three different things', async () => {
  const store = memory();
  const all: Item[] = [
    { key: '/', value: null },
    { key: '/empty', value: '' },
    { key: '/null', value: null },
    { key: '/parent', value: null },
    { key: '/parent/child', value: '1' },
    { key: '/valued', value: '2', attributes: '{}\n' },
    { key: '/valued/child', value: null, attributes: '{}\n' },
  ];
  const tree = build(store, all, manifestOf('zookeeper'));
  expect(await walk(await open(store, tree))).toEqual(all);
  expect((await paths(store, tree)).sort()).toEqual(
    [
      '%store.json',
      'empty',
      'null/%null',
      'parent/child',
      'valued/%attrs.json',
      'valued/%value',
      'valued/child/%attrs.json',
      'valued/child/%null',
    ].sort(),
  );
});

test('where directories are no nodes by themselves, the way to a node is none', async () => {
  const store = memory();
  const tree = build(store, [{ key: '/a/b/c', value: '1' }], manifestOf('etcd'));
  const snapshot = await open(store, tree);
  expect(await walk(snapshot)).toEqual([{ key: '/a/b/c', value: '1' }]);
  expect((await findNode(snapshot, Buffer.from('/a/b'))).entry).toBeUndefined();
  expect((await findNode(snapshot, Buffer.from('/a/b'))).subtree).toBeDefined();
});

test('only what is below a key is walked, the node itself included', async () => {
  const store = memory();
  const all = ['/a', '/a/b', '/a/b/c', '/ab', '/b'].map((key) => ({ key, value: '1' }));
  const snapshot = await open(store, build(store, all, manifestOf('etcd')));
  for (const below of ['/a', '/a/'])
    expect((await walk(snapshot, below)).map(({ key }) => key)).toEqual(['/a', '/a/b', '/a/b/c']);
  expect(await walk(snapshot, '/nothing')).toEqual([]);
  expect((await walk(snapshot, '/')).length).toBe(5);
});

test('two hundred thousand children of one node', () => {
  const store = { tree: memory().tree, blob: memory().blob };
  const all = Array.from({ length: 200_000 }, (_, index) => ({
    key: `/queue/n${String(index).padStart(10, '0')}`,
    value: '',
  }));
  expect(build(store, all, manifestOf('etcd'), true)).toMatch(/^[0-9a-f]{40}$/);
});

test('a difference is what a comparison node by node finds', async () => {
  await fc.assert(
    fc.asyncProperty(items('/'), items('/'), fc.boolean(), async (first, second, keepMost) => {
      const after = keepMost
        ? [...first.slice(2), ...second.filter(({ key }) => first.every((item) => item.key !== key)).slice(0, 2)]
        : second;
      const store = memory();
      const [a, b] = [
        await open(store, build(store, first, manifestOf('etcd'))),
        await open(store, build(store, after, manifestOf('etcd'))),
      ];
      const found: string[] = [];
      await diffSnapshots(a, b, (change) =>
        found.push(`${kindOf(change)} ${Buffer.from(change.key).toString('latin1')}`),
      );

      const model = new Map(first.map((item) => [item.key, JSON.stringify(item)]));
      const expected: string[] = [];
      for (const item of after) {
        const was = model.get(item.key);
        model.delete(item.key);
        if (was === undefined) expected.push(`added ${item.key}`);
        else if (was !== JSON.stringify(item)) expected.push(`changed ${item.key}`);
      }
      expected.push(...[...model.keys()].map((key) => `removed ${key}`));
      expect(found.sort()).toEqual(expected.sort());
    }),
    { numRuns: 500 },
  );
});

test('directories that are equal are not read', async () => {
  const store = memory();
  const all = Array.from({ length: 1_000 }, (_, index) => ({ key: `/d${index % 50}/n${index}`, value: `${index}` }));
  const changed = all.map((item) => (item.key === '/d7/n7' ? { ...item, value: 'changed' } : item));
  const [a, b] = [
    await open(store, build(store, all, manifestOf('etcd'))),
    await open(store, build(store, changed, manifestOf('etcd'))),
  ];
  let reads = 0;
  const counting = { ...store, readTree: (oid: string) => store.readTree(oid).finally(() => (reads += 1)) };
  const keys: string[] = [];
  await diffSnapshots({ ...a, source: counting }, { ...b, source: counting }, ({ key }) => keys.push(String(key)));
  expect({ keys, reads }).toEqual({ keys: ['/d7/n7'], reads: 4 });
});

test('a sibling in the other case renames files, and changes no node', async () => {
  const store = memory();
  const before = [{ key: '/Foo', value: '1' }];
  const [a, b] = [
    await open(store, build(store, before, manifestOf('etcd'))),
    await open(store, build(store, [...before, { key: '/foo', value: '2' }], manifestOf('etcd'))),
  ];
  const found: string[] = [];
  await diffSnapshots(a, b, (change) => found.push(`${kindOf(change)} ${String(change.key)}`));
  expect(found).toEqual(['added /foo']);
});
