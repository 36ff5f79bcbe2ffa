import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupBySubtree } from '../../src/snapshot/subtrees.ts';

const keyed = (name: string) => ({ key: Buffer.from(name, 'latin1') });
const groups = (names: readonly string[], most: number) =>
  groupBySubtree(names.map(keyed), most).map(({ key, items }) => [Buffer.from(key).toString('latin1'), items.length]);

test('as many groups as are wanted, and no more', () => {
  const names = ['/a/1', '/a/2', '/b/1', '/b/2', '/c/1', '/c/2'];
  expect(groups(names, 6)).toEqual(names.map((name) => [name, 1]));
  expect(groups(names, 5)).toEqual([
    ['/a/1', 1],
    ['/a/2', 1],
    ['/b/1', 1],
    ['/b/2', 1],
    ['/c', 2],
  ]);
  expect(groups(names, 3)).toEqual([
    ['/a', 2],
    ['/b', 2],
    ['/c', 2],
  ]);
  expect(groups(names, 2)).toEqual([['/', 6]]);
});

test('a node is with those below it, in whatever order they come', () => {
  expect(groups(['/a', '/a/1', '/ab', '/a/2', '/b', '/ab/1'], 3)).toEqual([
    ['/a', 3],
    ['/ab', 2],
    ['/b', 1],
  ]);
});

test('what is told together is what cannot be told apart in as many groups', () => {
  const names = ['/app', '/app/db', '/app/db/pool', '/app/s0', '/app/s0/1', '/app/s0/2', '/app/s1', '/app/s1/1'];
  expect(groups(names, 4)).toEqual([
    ['/app', 1],
    ['/app/db', 2],
    ['/app/s0', 3],
    ['/app/s1', 2],
  ]);
});

test('every thing is in one group, below the key of that', () => {
  const name = fc.array(fc.constantFrom('', 'a', 'b', 'ab', '\xe9'), { maxLength: 4 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 40 }), fc.integer({ min: 1, max: 12 }), (names, most) => {
      const found = groupBySubtree(names.map(keyed), most);
      expect(found.length).toBeLessThanOrEqual(Math.max(1, most));
      const all = found.flatMap(({ key, items }) => {
        const above = Buffer.from(key).toString('latin1').replace(/\/$/, '');
        const inside = items.map((item) => item.key.toString('latin1'));
        for (const one of inside)
          expect(one === above || one === `${above}/` || one.startsWith(`${above}/`) || above === '').toBe(true);
        return inside;
      });
      expect(all.sort()).toEqual([...names].sort());
    }),
  );
});
