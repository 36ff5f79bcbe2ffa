import fc from 'fast-check';
import { expect, test } from 'vitest';
import { takeSnapshot } from '../../src/operations/take.ts';
import type { ReadEvent, Service } from '../../src/services/service.ts';
import type { Kind } from '../../src/snapshot/layout.ts';
import { anySegment } from '../snapshot/keys.ts';
import { build, byKey, type Item, manifestOf, memory } from '../snapshot/memory.ts';
import { node, policy } from './snapshots.ts';

/** A service that has these nodes, some of which cannot be read. */
function serviceOf(kind: Kind, items: readonly Item[], unreadable: ReadonlySet<string> = new Set()): Service {
  const events = function* (): Generator<ReadEvent> {
    for (const { key, value } of items.toSorted(byKey)) {
      const made = node(key, value ?? '');
      if (!unreadable.has(key)) yield { type: 'batch', nodes: [made] };
      else yield { type: 'batch', nodes: [], unreadable: [{ key: made.key, reason: 'refused', subtree: false }] };
    }
    yield { type: 'end', consistency: 'exact', revision: undefined };
  };
  return {
    traits: { kind, ordered: true },
    root: new Uint8Array(),
    async *read() {
      yield* events();
    },
  } as unknown as Service;
}

/** Few directories with many leaves, so that most of them are whole, and keys that disturb them now and then. */
const directory = fc.constantFrom('/a', '/a/b', '/a/b-c', '/a.b', '/A', '', '/', 'r', 'r/s', '/long'.repeat(60));
const items = fc
  .uniqueArray(fc.tuple(directory, fc.oneof(fc.constantFrom('x1', 'x2', 'x3', 'x4', 'X1', ''), anySegment)), {
    maxLength: 60,
    selector: ([where, name]) => `${where}/${name}`,
  })
  .map((keys) => keys.map(([where, name]) => ({ key: `${where}/${name}`, value: 'v' })));

test.each(['etcd', 'consul'] as const)(
  'a tree of %s that is put together from known directories is the one that is built from nothing',
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(items, fc.infiniteStream(fc.nat(9)), async (before, random) => {
        const store = memory();
        const take = async (all: readonly Item[], trees?: ReadonlyMap<string, string>) =>
          takeSnapshot(serviceOf(kind, all), policy, { sink: store, previous: undefined, trees });
        const first = await take(before);
        expect(first).toMatchObject({ tree: build(memory(), before, manifestOf(kind)), nodes: before.length });
        expect(await take(before, first.known)).toMatchObject({ tree: first.tree, nodes: before.length });

        const after = before.flatMap((item) => {
          const chance = random.next().value;
          return chance === 0 ? [] : chance === 1 ? [{ ...item, value: 'w' }] : [item];
        });
        const second = await take([...after, { key: '/a/b/new', value: 'n' }], first.known);
        expect(second.tree).toBe(build(memory(), [...after, { key: '/a/b/new', value: 'n' }], manifestOf(kind)));
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
