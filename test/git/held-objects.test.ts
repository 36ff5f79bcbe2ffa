import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeldObjects } from '../../src/git/held-objects.ts';
import { objectId } from '../../src/git/pack.ts';
import type { ObjectType } from '../../src/git/reader.ts';

const types: readonly ObjectType[] = ['blob', 'tree', 'commit'];

test('what is held comes back, each with its type and id, in order and once', () => {
  const size = fc.oneof(fc.nat(100), fc.integer({ min: 60_000, max: 70_000 }), fc.constant(1_100_000));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...types), size, fc.nat(255)), { maxLength: 40 }), (parts) => {
      const held = new HeldObjects();
      const put = parts.map(([type, length, byte]) => {
        const content = Buffer.alloc(length, byte);
        const oid = objectId(type, content);
        held.add(type, content, oid);
        return { type, oid };
      });
      expect(held.size).toBe(parts.reduce((sum, [, length]) => sum + length, 0));

      const got: typeof put = [];
      held.giveAway((type, content, id) => {
        expect(objectId(type, content)).toBe(id.toString('hex'));
        got.push({ type, oid: id.toString('hex') });
      });
      expect(got).toEqual(put);
      held.giveAway(() => expect.unreachable());
      expect(held.size).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('thousands of small ones keep their ids', () => {
  const held = new HeldObjects();
  const oids = Array.from({ length: 5_000 }, (_, number) => {
    const content = Buffer.from(`${number}`);
    const oid = objectId('blob', content);
    held.add('blob', content, oid);
    return oid;
  });
  const got: string[] = [];
  held.giveAway((_type, _content, id) => got.push(id.toString('hex')));
  expect(got).toEqual(oids);
});
