import fc from 'fast-check';
import { expect, test } from 'vitest';
import { takeSnapshot } from '../../src/operations/take.ts';
import type { ReadEvent, Service } from '../../src/services/service.ts';
import { encodeJson } from '../../src/snapshot/attributes.ts';
import type { Kind } from '../../src/snapshot/layout.ts';
import { anySegment } from '../snapshot/keys.ts';
import { build, byKey, type Item, manifestOf, memory } from '../snapshot/memory.ts';
import { node, policy } from './snapshots.ts';

/** A service that has these nodes, some of which cannot be read. */
function serviceOf(kind: Kind, items: readonly Item[], unreadable: ReadonlySet<string> = new Set()): Service {
  const events = function* (): Generator<ReadEvent> {
    for (const { key, value, attributes } of items.toSorted(byKey)) {
      const made = { ...node(key, value), attributes: attributes === undefined ? undefined : { text: attributes } };
      if (!unreadable.has(key)) yield { type: 'batch', nodes: [made] };
      else yield { type: 'batch', nodes: [], unreadable: [{ key: made.key, reason: 'refused', subtree: false }] };
    }
    yield { type: 'end', consistency: 'exact', revision: undefined };
  };
  return {
    traits: { kind, ordered: true },
    root: new Uint8Array(),
    refuse: () => undefined,
    async *read() {
      yield* events();
    },
  } as unknown as Service;
}

/** What the snapshot has for such attributes. */
const asStored = (item: Item) => ({
  ...item,
  ...(item.attributes !== undefined && { attributes: Buffer.from(encodeJson({ text: item.attributes })).toString() }),
});

/** Few directories with many leaves, so that most of them are whole, and keys that disturb them now and then. */
const directory = fc.constantFrom('/a', '/a/b', '/a/b-c', '/a.b', '/A', '', '/', 'r', 'r/s', '/long'.repeat(60));
const name = fc.oneof(fc.constantFrom('x1', 'x2', 'x3', 'x4', 'X1', ''), anySegment);
const keys = fc
  .uniqueArray(fc.tuple(directory, name), { maxLength: 60, selector: ([where, last]) => `${where}/${last}` })
  .map((all) => all.map(([where, last]) => `${where}/${last}`));

/** As ZooKeeper has them: whatever has children is a node as well. */
const paths = keys.map((all) => {
  const absolute = all.map((key) => `/${key.split('/').filter(Boolean).join('/')}`);
  const above = absolute.flatMap((path) => [...path.matchAll(/(?<!^)\//g)].map(({ index }) => path.slice(0, index)));
  return [...new Set(['/', ...above, ...absolute])];
});

/** Leaves and directories, some of them without data, some with attributes. */
const itemsOf = (all: readonly string[], numbers: Iterator<number>): Item[] =>
  all.map((key) => {
    const number = numbers.next().value;
    return {
      key,
      value: number === 0 ? null : number === 1 ? '' : 'v',
      ...(number > 6 && { attributes: `${number}` }),
    };
  });

test.each([
  ['etcd', keys],
  ['consul', keys],
  ['zookeeper', paths],
] as const)(
  'a tree of %s that is put together from known directories is the one that is built from nothing',
  async (kind, generator) => {
    const parentsOfNew = kind === 'zookeeper' ? ['/a', '/a/b'] : [];
    await fc.assert(
      fc.asyncProperty(generator, fc.infiniteStream(fc.nat(9)), async (all, random) => {
        const before = kind === 'zookeeper' ? itemsOf(all, random) : all.map((key): Item => ({ key, value: 'v' }));
        const store = memory();
        const take = async (some: readonly Item[], trees?: ReadonlyMap<string, string>) =>
          takeSnapshot(serviceOf(kind, some), policy, { sink: store, previous: undefined, trees });
        const built = (some: readonly Item[]) => build(memory(), some.map(asStored), manifestOf(kind));
        const first = await take(before);
        expect(first).toMatchObject({ tree: built(before), nodes: before.length });
        expect(await take(before, first.known)).toMatchObject({ tree: first.tree, nodes: before.length });

        const changed = before.flatMap((item) => {
          const chance = random.next().value;
          if (chance === 0 && (kind !== 'zookeeper' || !all.some((key) => key.startsWith(`${item.key}/`)))) return [];
          return chance === 1 ? [{ ...item, value: 'w' }] : chance === 2 ? [{ ...item, attributes: 'w' }] : [item];
        });
        const missing = [...parentsOfNew, '/a/b/new'].filter((key) => !changed.some((item) => item.key === key));
        const after = [...changed, ...missing.map((key) => ({ key, value: 'n' }))];
        expect((await take(after, first.known)).tree).toBe(built(after));
      }),
      { numRuns: 300 },
    );
  },
);

test('what cannot be read is not forgotten among directories that are known', async () => {
  const all = ['/a/1', '/a/2', '/a/3', '/a/4', '/a/5', '/b/1', '/b/2', '/b/3', '/b/4'].map((key) => ({
    key,
    value: 'v',
  }));
  const store = memory();
  const first = await takeSnapshot(serviceOf('etcd', all), policy, { sink: store, previous: undefined });
  const previous = { store: 's', tree: first.tree, manifest: first.manifest, source: store };
  for (const { key } of all) {
    const service = serviceOf('etcd', all, new Set([key]));
    const again = await takeSnapshot(service, policy, { sink: store, previous, trees: first.known });
    expect(again).toMatchObject({ tree: first.tree, nodes: all.length });
  }
});
