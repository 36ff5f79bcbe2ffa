import { expect, test } from 'vitest';
import type { Outcome } from '../../src/services/service.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { bytes, createWithParents, leaf, names, plain, readAll, type Subject } from './subject.ts';
import { testTrees } from './trees.ts';

const values: readonly (readonly [what: string, value: Uint8Array | null])[] = [
  ['empty', new Uint8Array()],
  ['text', Buffer.from('postgres://db1:5432/shop\n')],
  ['every byte', Uint8Array.from({ length: 256 }, (_, byte) => byte)],
  ['no value', null],
];

/**
 * The promises of `Service`, held against a real one. What differs between services is read from its traits, and whether
 * it can hold a node from `refuse`: what it does not refuse has to come back as it went in.
 */
export function testService(subject: Subject): void {
  test('an empty store has no nodes, and says that it was read to the end', async () => {
    await using opened = await subject.open();
    const { nodes, ends } = await readAll(opened.service);
    expect(nodes.filter(({ key }) => latin1(key).startsWith(latin1(opened.key(''))))).toEqual([]);
    expect(ends).toBe(1);
  });

  test.each(values)('keeps a value that is %s, and tells it from the others', async (_what, value) => {
    await using opened = await subject.open();
    const { service } = opened;
    const node = leaf(opened.key('value'), value);
    expect(service.refuse(node) === undefined).toBe(value !== null || service.traits.nullLeaf);
    if (service.refuse(node) !== undefined) return;

    expect(await service.create([node])).toEqual([{ status: 'created' }]);
    expect((await readAll(service)).nodes.map(plain)).toContainEqual(plain(node));
    for (const [, other] of values) {
      if (other === null && !service.traits.nullLeaf) continue;
      const same = Buffer.compare(other ?? Buffer.from('null'), value ?? Buffer.from('null')) === 0;
      expect(await service.create([{ ...node, value: other }])).toEqual([{ status: 'exists', same }]);
    }
    expect(bytes(await opened.witness(node.key))).toEqual(bytes(value));
  });

  test('keeps a value of the largest size', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    const size = Math.min(service.traits.maxValueBytes, 4 * 1024 * 1024);
    const node = leaf(opened.key('large'), Buffer.alloc(size, 'x'));
    expect(await service.create([node])).toEqual([{ status: 'created' }]);
    const [found] = (await readAll(service)).nodes.filter(({ key }) => latin1(key) === latin1(node.key));
    expect(found?.value?.length).toBe(size);
  });

  test('creates what is missing, and leaves what is there as it is', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    const node = (name: string, value: string) => leaf(opened.key(name), Buffer.from(value));
    await service.create([node('same', '1'), node('other', '1')]);

    const outcomes = await service.create([
      node('new1', '1'),
      node('same', '1'),
      node('other', '2'),
      node('new2', '2'),
    ]);
    const expected: Outcome[] = [
      { status: 'created' },
      { status: 'exists', same: true },
      { status: 'exists', same: false },
      { status: 'created' },
    ];
    expect(outcomes).toEqual(expected);
    expect(bytes(await opened.witness(opened.key('other')))).toEqual(bytes(Buffer.from('1')));
  });

  test('asked whether a node may be created, it tells, and creates none', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    expect(await service.mayCreate(opened.key('rehearsed'))).toBeUndefined();
    expect(await opened.witness(opened.key('rehearsed'))).toBeUndefined();
    expect(names(await readAll(service))).not.toContain(latin1(opened.key('rehearsed')));
  });

  test('a key that comes twice is created once, from the first', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    const key = opened.key('twice');
    const outcomes = await service.create([
      leaf(key, Buffer.from('1')),
      leaf(key, Buffer.from('2')),
      leaf(key, Buffer.from('1')),
    ]);
    expect(outcomes).toEqual([
      { status: 'created' },
      { status: 'exists', same: false },
      { status: 'exists', same: true },
    ]);
  });

  test('attributes are part of what is compared', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    const node = leaf(opened.key('attributed'), Buffer.from('1'));
    const attributed: Node = { ...node, attributes: subject.attributes ?? { colour: 'red' } };
    if (subject.attributes === undefined) {
      expect(service.refuse(attributed)).toMatch(/attribute/);
      return;
    }
    expect(await service.create([attributed])).toEqual([{ status: 'created' }]);
    expect((await readAll(service)).nodes.map(plain)).toContainEqual(plain(attributed));
    expect(await service.create([node])).toEqual([{ status: 'exists', same: false }]);
  });

  test('a thousand nodes go in with one call, and come out once each', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    const parents = Array.from({ length: 10 }, (_, index) => leaf(opened.key(`d${index}`), null));
    const nodes = Array.from({ length: 1_000 }, (_, index) =>
      leaf(opened.key(`d${index % 10}/n${index}`), Buffer.from(`${index}`)),
    );
    const all = service.traits.parentsFirst ? [...parents, ...nodes] : nodes;
    expect((await service.create(all)).filter(({ status }) => status !== 'created')).toEqual([]);
    const found = names(await readAll(service)).filter((name) => name.includes('/n'));
    expect(found.sort()).toEqual(nodes.map(({ key }) => latin1(key)).sort());
  });

  test('nodes come in the order that the traits promise, and never twice', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    const tree = ['a', 'a!', 'a-b', 'a.', 'a/b', 'a/b/c', 'a0', 'b'].map((name) =>
      leaf(opened.key(name), Buffer.from('1')),
    );
    const possible = tree.filter(
      ({ key }) => service.traits.valueAndChildren || !/a(\/b)?$/.test(latin1(key)) || latin1(key).includes('c'),
    );
    for (const node of possible) await createWithParents(service, node);
    const found = names(await readAll(service));
    expect(new Set(found).size).toBe(found.length);
    if (service.traits.ordered) expect(found).toEqual(found.toSorted());
    if (service.traits.parentsFirst) {
      for (const [index, name] of found.entries()) {
        expect(found.slice(0, index).some((earlier) => earlier.startsWith(`${name}/`))).toBe(false);
      }
    }
  });

  test('two that create the same nodes at once create each of them exactly once', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    await using other = await opened.second();
    const nodes = (value: string) =>
      Array.from({ length: 300 }, (_, index) => leaf(opened.key(`race${index}`), Buffer.from(value)));
    const [first, second] = await Promise.all([service.create(nodes('1')), other.create(nodes('2'))]);
    for (const [index, outcome] of first.entries()) {
      const created = [outcome, second[index]].filter((one) => one?.status === 'created');
      expect(created.length).toBe(1);
      const winner = outcome.status === 'created' ? '1' : '2';
      expect(bytes(await opened.witness(opened.key(`race${index}`)))).toEqual(bytes(Buffer.from(winner)));
    }
  });

  test('only what begins with a prefix matters, and all of that is read', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    const all = ['app', 'application', 'b', 'zoo'].map((name) => leaf(opened.key(name), Buffer.from(name)));
    await service.create(all);
    const { nodes } = await readAll(service, [opened.key('app'), opened.key('zoo')]);
    const wanted = ['app', 'application', 'zoo'].map((name) => latin1(opened.key(name)));
    expect(nodes.map(({ key }) => latin1(key))).toEqual(expect.arrayContaining(wanted));
  });

  test('a read that is told to stop stops', async () => {
    await using opened = await subject.open();
    const { service } = opened;
    await service.create([leaf(opened.key('x'), Buffer.from('1'))]);
    await expect(readAll(service, [], AbortSignal.abort('enough'))).rejects.toBe('enough');
  });

  testTrees(subject);
}
