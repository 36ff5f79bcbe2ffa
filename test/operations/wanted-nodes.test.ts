import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WantedNodes } from '../../src/operations/wanted-nodes.ts';
import type { Entry } from '../../src/snapshot/walk.ts';

const oid = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('hex'));
/** Few different keys, so that many are put twice; some of them long. */
const key = fc.oneof(
  fc.constantFrom('', '/', '/a', '/a/b', '/b', `/${'c'.repeat(300)}`).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
);
const value = fc.option(fc.record({ oid, encrypted: fc.boolean() }));
const entry = fc.record({ value, attributes: fc.option(oid, { nil: undefined }) });
const puts = fc.array(fc.tuple(key, fc.option(key), entry, fc.boolean()), { maxLength: 400 });

test('what was put at a key last is found there, in the order of the first', () => {
  fc.assert(
    fc.property(puts, (all) => {
      const nodes = new WantedNodes();
      const expected = new Map<string, { entry: Entry; onlyParent: boolean }>();
      for (const [at, from, content, onlyParent] of all) {
        const one = { key: from ?? at, ...content };
        nodes.put(at, one, onlyParent);
        expected.set(at.toString('latin1'), { entry: one, onlyParent });
      }
      const found = nodes.steps.map((step) => {
        const { key, value, attributes } = step.entry;
        return [
          step.name,
          { entry: { key: Buffer.from(key), value, attributes }, onlyParent: step.onlyParent },
        ] as const;
      });
      expect(found).toEqual([...expected]);
      for (const name of expected.keys()) expect(nodes.find(Buffer.from(name, 'latin1'))?.name).toBe(name);
    }),
  );
});

test('many keys that differ in little are told apart, and one that is not there is not found', () => {
  const nodes = new WantedNodes();
  for (let number = 0; number < 20_000; number++) {
    const at = Buffer.from(`/wide/n${number}`);
    nodes.put(
      at,
      { key: at, value: { oid: number.toString(16).padStart(40, '0'), encrypted: false }, attributes: undefined },
      false,
    );
  }
  expect(nodes.size).toBe(20_000);
  for (const number of [0, 1, 9_999, 19_999])
    expect(nodes.find(Buffer.from(`/wide/n${number}`))?.entry.value?.oid).toBe(number.toString(16).padStart(40, '0'));
  for (const name of ['/wide/n20000', '/wide/n', '', '/wide/n0 '])
    expect(nodes.find(Buffer.from(name))).toBeUndefined();
});

test('a node that was asked for stays at its key, and takes the place of a parent that was not', () => {
  const nodes = new WantedNodes();
  const at = (name: string, attributes?: string): Entry => ({ key: Buffer.from(name), value: null, attributes });
  expect(nodes.add(Buffer.from('/a'), at('/a'), true)).toBe(true);
  expect(nodes.add(Buffer.from('/a'), at('/a', '1'.repeat(40)), false)).toBe(true);
  expect(nodes.add(Buffer.from('/a'), at('/a', '2'.repeat(40)), false)).toBe(false);
  expect(nodes.steps.map(({ name, onlyParent, entry }) => [name, onlyParent, entry.attributes])).toEqual([
    ['/a', false, '1'.repeat(40)],
  ]);
});
