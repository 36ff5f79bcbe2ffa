import { expect, test } from 'vitest';
import { readingAhead, treesAhead } from '../../src/snapshot/ahead.ts';
import { directoryMode, type ObjectSource, type TreeEntry } from '../../src/snapshot/objects.ts';

const directory = (oid: string): TreeEntry => ({ mode: directoryMode, name: oid, oid });

/** Trees by id; what is not there cannot be read. Tells what was asked of it. */
function sourceOf(trees: { readonly [oid: string]: readonly TreeEntry[] }) {
  const asked: string[] = [];
  const source: ObjectSource = {
    async readTree(oid) {
      asked.push(oid);
      const entries = trees[oid];
      if (!entries) throw new Error(`${oid} is missing`);
      return entries;
    },
    readBlob: () => Promise.reject(new Error('no blobs here')),
  };
  return { source, asked };
}

const soon = () => new Promise((resolve) => setImmediate(resolve));

test('what is below a directory is asked for before it is wanted, level by level, and once', async () => {
  const chain = { a: [directory('b')], b: [directory('c')], c: [directory('d')], d: [] };
  const { source, asked } = sourceOf(chain);
  const ahead = treesAhead(source);
  expect(await ahead.readTree('a')).toBe(chain.a);
  await soon();
  expect(asked).toEqual(['a', 'b', 'c', 'd']);
  for (const oid of ['b', 'c', 'd'] as const) expect(await ahead.readTree(oid)).toBe(chain[oid]);
  expect(asked).toEqual(['a', 'b', 'c', 'd']);
});

test('no more is asked for than memory is for, however many there are', async () => {
  const names = Array.from({ length: 1_000 }, (_, index) => `d${index}`);
  const { source, asked } = sourceOf({
    top: names.map(directory),
    ...Object.fromEntries(names.map((name) => [name, []])),
  });
  await treesAhead(source).readTree('top');
  await soon();
  expect(asked.length).toBeLessThan(300);

  const wide = new Array<TreeEntry>(40_000).fill({ mode: '100644', name: 'file', oid: 'f' });
  const few = sourceOf({ top: [directory('wide')], wide: [...wide, directory('below')], below: [] });
  await treesAhead(few.source).readTree('top');
  await soon();
  expect(few.asked).toEqual(['top', 'wide']);
});

test('wide siblings are read one at a time, narrow ones together', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `d${index}`);
  const ahead = async (width: number) => {
    const entries = new Array<TreeEntry>(width).fill({ mode: '100644', name: 'file', oid: 'f' });
    const { source, asked } = sourceOf(Object.fromEntries(names.map((name) => [name, entries])));
    const reader = readingAhead(source);
    for (const [index, name] of names.slice(0, 5).entries()) {
      reader.askFor(names.slice(index));
      await soon();
      await reader.readTree(name);
    }
    return asked;
  };
  expect(await ahead(100_000)).toEqual(names.slice(0, 5));
  expect(await ahead(10)).toEqual(names);
});

test('what cannot be read is told to whoever wants it, and to nobody else', async () => {
  const { source } = sourceOf({ top: [directory('lost'), directory('there')], there: [] });
  const ahead = treesAhead(source);
  await ahead.readTree('top');
  await soon();
  expect(await ahead.readTree('there')).toEqual([]);
  await expect(ahead.readTree('lost')).rejects.toThrow('lost is missing');
});
