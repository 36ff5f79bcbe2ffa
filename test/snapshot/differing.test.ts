import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashSink } from '../../src/git/hash-sink.ts';
import { OidSet } from '../../src/git/oid-set.ts';
import { differingEntries } from '../../src/snapshot/differing.ts';
import {
  type Child,
  type Directory,
  decodeDirectory,
  decodePart,
  encodeDirectory,
} from '../../src/snapshot/directory.ts';
import type { ObjectSource } from '../../src/snapshot/objects.ts';

const nowhere: ObjectSource = {
  readTree: () => Promise.reject(new Error('nothing is here')),
  readBlob: () => Promise.reject(new Error('nothing is here')),
};

/** Few ids, so that a pair of directories has much in common. */
const oid = fc.constantFrom(...['a', 'b'].map((digit) => digit.repeat(40)));
const attributes = fc.option(oid, { nil: undefined });
const value = fc.record({ oid, encrypted: fc.boolean() });
const child: fc.Arbitrary<Child> = fc.oneof(
  fc.record({ tree: oid }),
  fc.record({ tree: fc.constant(undefined), value, attributes }),
);
/** Names that are written with escapes, that differ in case alone, that end as ours do, and one that is cut. */
const segment = fc.constantFrom('a', 'A', 'a.gpg', 'a%attrs.json', '%value', 'b', 'B', 'b-c', 'con', 'x'.repeat(600));
const directory: fc.Arbitrary<Directory> = fc.record({
  own: fc.record({ value: fc.option(value, { nil: undefined }), attributes }),
  children: fc.dictionary(segment, child, { maxKeys: 8 }).map((all) => new Map(Object.entries(all))),
});

test('the parts of two directories differ in what the directories differ in, and in nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(directory, directory, async (a, b) => {
      const sink = hashSink(new OidSet());
      const source = sink.over(nowhere);
      const [ofA, ofB] = differingEntries(encodeDirectory(a, sink), encodeDirectory(b, sink));
      const [partA, partB] = [await decodePart(ofA, source, 'a'), await decodePart(ofB, source, 'b')];

      for (const name of new Set([...a.children.keys(), ...b.children.keys()])) {
        const [was, is] = [a.children.get(name), b.children.get(name)];
        const isSame = JSON.stringify(was) === JSON.stringify(is);
        if (isSame) expect(partA.children.get(name)).toEqual(partB.children.get(name));
        else expect([partA.children.get(name), partB.children.get(name)]).toEqual([was, is]);
      }
      if (JSON.stringify(a.own) !== JSON.stringify(b.own)) expect([partA.own, partB.own]).toEqual([a.own, b.own]);
      else expect(partA.own).toEqual(partB.own);
    }),
    { numRuns: 2_000 },
  );
});

test('a name that no key is written as is found in a part as well', async () => {
  const entry = { mode: '100644', name: 'a%62', oid: 'a'.repeat(40) };
  await expect(decodeDirectory([entry], nowhere, 'a')).rejects.toMatchObject({ code: 'integrity' });
  await expect(decodePart([entry], nowhere, 'a')).rejects.toMatchObject({ code: 'integrity' });
});
