import { expect, test } from 'vitest';
import { type Change, diffSnapshots, kindOf } from '../../src/snapshot/diff.ts';
import type { Kind } from '../../src/snapshot/layout.ts';
import type { Snapshot } from '../../src/snapshot/walk.ts';
import { build, type Item, manifestOf, memory, open } from './memory.ts';

const store = memory();
const snapshot = (kind: Kind, items: readonly Item[], root = '') =>
  open(store, build(store, items, manifestOf(kind, root)));
async function changes(before: Snapshot | undefined, after: Snapshot | undefined, below?: string): Promise<string[]> {
  const found: Change[] = [];
  await diffSnapshots(
    before,
    after,
    (change) => found.push(change),
    below === undefined ? undefined : Buffer.from(below),
  );
  return found.map((change) => `${kindOf(change)} ${Buffer.from(change.key)}`);
}

test('stores with other roots are compared by what comes after the roots, whatever their kinds', async () => {
  const us = await snapshot(
    'etcd',
    [
      { key: '/us/db/url', value: '1' },
      { key: '/us/motd', value: 'x' },
    ],
    '/us',
  );
  const eu = await snapshot(
    'consul',
    [
      { key: 'eu/db/url', value: '2' },
      { key: 'eu/motd', value: 'x' },
    ],
    'eu',
  );
  expect(await changes(us, eu)).toEqual(['changed db/url']);
  expect(await changes(eu, us)).toEqual(['changed /db/url']);
  for (const below of ['eu/db', '/us/db', '/db', 'db'])
    expect(await changes(us, eu, below)).toEqual(['changed db/url']);
  expect(await changes(us, eu, '/motd')).toEqual([]);
});

test('a directory that is a node without content in one kind only is no difference', async () => {
  const zookeeper = await snapshot('zookeeper', [
    { key: '/a/b', value: '1' },
    { key: '/empty', value: null },
  ]);
  const etcd = await snapshot('etcd', [{ key: '/a/b', value: '1' }]);
  expect(await changes(zookeeper, etcd)).toEqual(['removed /empty']);
  const filled = await snapshot('zookeeper', [
    { key: '/a', value: 'data' },
    { key: '/a/b', value: '1' },
  ]);
  expect(await changes(etcd, filled)).toEqual(['added /a']);
});

test('where there was nothing before, everything is new', async () => {
  const first = await snapshot('zookeeper', [{ key: '/a', value: '1' }]);
  expect(await changes(undefined, first)).toEqual(['added /', 'added /a']);
  expect(await changes(first, undefined, '/a')).toEqual(['removed /a']);
});

test('only what is at and below a key, very long keys too', async () => {
  const long = `/app/${'x'.repeat(900)}`;
  const items = (value: string) => ['/app', '/app/db', '/apple', long, '/other'].map((key) => ({ key, value }));
  const [before, after] = [await snapshot('etcd', items('1')), await snapshot('etcd', items('2'))];
  expect(await changes(before, after, '/app')).toEqual(['changed /app', 'changed /app/db', `changed ${long}`]);
  expect(await changes(before, after, '/app/')).toHaveLength(3);
  expect(await changes(before, after, long)).toEqual([`changed ${long}`]);
  expect(await changes(before, after, '/nothing')).toEqual([]);
});
