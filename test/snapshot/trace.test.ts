import fc from 'fast-check';
import { expect, test } from 'vitest';
import { traceKey } from '../../src/snapshot/trace.ts';
import { encodeTree, findEntries } from '../../src/snapshot/tree.ts';
import { findNode } from '../../src/snapshot/walk.ts';
import { anyKey } from './keys.ts';
import { build, type Item, type Memory, manifestOf, memory, open } from './memory.ts';

const contentIn = (store: Memory) => async (oid: string) => store.objects.get(oid)?.content ?? Buffer.alloc(0);

test('one key is traced to what a strict look into the whole directory finds', async () => {
  const keys = fc.uniqueArray(anyKey, { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(keys, fc.constantFrom('etcd', 'consul', 'dir'), async (names, kind) => {
      const store = memory();
      // Half of them are there, and some of these have the others' parents.
      const all: Item[] = names.slice(0, Math.ceil(names.length / 2)).map((key, index) => ({
        key,
        value: kind === 'dir' && key !== '' && index % 5 === 0 ? null : `${index}`,
        ...(index % 3 === 0 && { attributes: '{"a": 1}\n' }),
      }));
      const tree = build(store, all, manifestOf(kind));
      const snapshot = await open(store, tree);
      for (const name of names) {
        const key = Buffer.from(name, 'latin1');
        const trace = await traceKey(key, 'store', contentIn(store))(tree);
        const { entry, subtree } = await findNode(snapshot, key);
        expect(trace?.entry).toEqual(entry);
        if (trace?.subtree !== tree) expect(trace?.subtree).toBe(subtree);
      }
    }),
    { numRuns: 200 },
  );
});

test('a sibling in the other case, another root and a directory that is no store', async () => {
  const store = memory();
  const trace = traceKey(Buffer.from('/app/Foo'), 'store', contentIn(store));
  const alone = build(store, [{ key: '/app/Foo', value: '1' }], manifestOf('etcd'));
  const beside = build(
    store,
    [
      { key: '/app/Foo', value: '1' },
      { key: '/app/foo', value: '2' },
    ],
    manifestOf('etcd'),
  );
  const rooted = build(store, [{ key: '/app/Foo', value: '1' }], manifestOf('etcd', '/app'));
  const [first, ...others] = await Promise.all([alone, beside, rooted].map(trace));
  expect(first?.entry?.value).toBeTruthy();
  for (const other of others) expect(other?.entry).toEqual(first?.entry);
  expect(await trace(store.tree(encodeTree([])))).toBeUndefined();
});

test('entries are found by their names alone, whatever else is in the tree', () => {
  const oid = '20'.repeat(20);
  const names = ['a', 'ab', '40000 a', 'b a', '\xff'];
  const content = encodeTree(names.map((name, index) => ({ mode: index % 2 ? '40000' : '100644', name, oid })));
  for (const name of names)
    expect(findEntries(content, [Buffer.from(name, 'latin1'), Buffer.from('c')]).map((entry) => entry.name)).toEqual([
      name,
    ]);
  expect(() => findEntries(content.subarray(0, -1), [])).toThrow('middle of an entry');
});
