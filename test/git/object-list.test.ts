import fc from 'fast-check';
import { expect, test } from 'vitest';
import { objectList, packList } from '../../src/git/object-list.ts';
import { packChunk } from '../../src/git/pack.ts';
import { startPackingThread } from '../../src/git/packing-thread.ts';
import type { ObjectType } from '../../src/git/reader.ts';

const objects = fc.array(
  fc.tuple(fc.constantFrom<ObjectType>('commit', 'tree', 'blob', 'tag'), fc.uint8Array({ maxLength: 500 })),
  { minLength: 1, maxLength: 30 },
);

/** A list with room for all of them. */
function listOf(all: readonly (readonly [ObjectType, Uint8Array])[]): Uint8Array<ArrayBuffer> {
  const list = objectList(100_000, new Uint8Array());
  for (const [type, content] of all) list.add(type, content);
  return list.finish();
}

function packOf(all: readonly (readonly [ObjectType, Uint8Array])[]): Buffer {
  const chunk = packChunk(100);
  for (const [type, content] of all) chunk.add(type, content);
  return chunk.finish();
}

test('a list becomes the pack that its objects would be one by one, values last', () => {
  const isBlob = ([type]: readonly [ObjectType, Uint8Array]) => type === 'blob';
  const inOrder = (all: readonly (readonly [ObjectType, Uint8Array])[]) => [
    ...all.filter((object) => !isBlob(object)),
    ...all.filter(isBlob),
  ];
  fc.assert(fc.property(objects, (all) => packOf(inOrder(all)).equals(packList(listOf(all)))));
});

test('a list takes what fits, and a first object of any size', () => {
  const list = objectList(100, Buffer.alloc(1_000));
  expect(list.fits(Buffer.alloc(1_000))).toBe(true);
  list.add('blob', Buffer.alloc(1_000));
  expect(list.fits(Buffer.alloc(0))).toBe(false);
});

test('the thread answers in order, and nobody waits for one that has ended', async () => {
  const thread = startPackingThread();
  const all = ['one', 'two', 'three'].map((text) => [['blob', Buffer.from(text)] as const]);
  const packs = await Promise.all(all.map((few) => thread.pack(listOf(few))));
  expect(packs.map((pack) => Buffer.from(pack))).toEqual(all.map(packOf));
  // It may still be answered; but nobody waits for ever.
  const late = thread.pack(listOf(all[0] ?? [])).catch((thrown: unknown) => thrown);
  const [answer] = await Promise.all([late, thread.end()]);
  if (!(answer instanceof Uint8Array)) expect(answer).toMatchObject({ code: 'failed' });
  await expect(thread.pack(listOf(all[0] ?? []))).rejects.toMatchObject({ code: 'failed' });
});
