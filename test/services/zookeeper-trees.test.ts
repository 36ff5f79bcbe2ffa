import { expect, test } from 'vitest';
import { digestId } from '../../src/services/zookeeper/acl.ts';
import { openSession } from '../../src/services/zookeeper/session.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { describeWith } from '../servers/binaries.ts';
import { hasZookeeper, startZookeeper } from '../servers/zookeeper.ts';
import { acl, createEphemeral, node, readAll, remove } from './zookeeper-nodes.ts';
import { startOldZookeeper } from './zookeeper-old.ts';

const describe = describeWith('java', ...(hasZookeeper() ? [] : ['zookeeper.jar']));

describe('trees', () => {
  test('a server before 3.6, which knows neither multiRead nor whoAmI, is read and written all the same', async () => {
    await using zookeeper = await startZookeeper();
    await using old = await startOldZookeeper(zookeeper.endpoint);
    const address = { ...zookeeper.address, endpoints: [old.endpoint], user: 'bob', password: 'pw' };
    const closed = acl(`digest:${digestId('alice', 'secret')}:cdrwa`, `digest:${digestId('bob', 'pw')}:r`);
    const tree = [
      node('/t', null),
      node('/t/empty', ''),
      node('/t/closed', 'p', closed),
      node('/t/closed/child', 'c', closed),
      ...Array.from({ length: 2_000 }, (_, index) => node(`/t/n${index}`, `${index}`.repeat(100))),
    ];
    await using service = openZookeeper(address);
    expect((await service.create(tree)).filter(({ status }) => status !== 'created')).toEqual([]);
    expect(await service.settle?.()).toEqual([]);

    const { nodes, end } = await readAll(service);
    await using modern = openZookeeper({ ...zookeeper.address, user: 'bob', password: 'pw' });
    const direct = await readAll(modern);
    expect([...nodes.keys()].sort()).toEqual([...direct.nodes.keys()].sort());
    for (const [path, found] of nodes) expect(found).toEqual(direct.nodes.get(path));
    expect(nodes.size).toBe(tree.length + 1);
    expect(end.consistency).toBe('quiescent');
  });

  test('a root that is missing can be created, and one whose parent is missing is told before anything is planned', async () => {
    await using zookeeper = await startZookeeper();
    const at = (root: string) => openZookeeper({ ...zookeeper.address, root: Buffer.from(root) });
    await using near = at('/near');
    expect((await readAll(near, { absent: 'empty' })).nodes.size).toBe(0);
    await expect(readAll(near)).rejects.toMatchObject({ message: expect.stringContaining('no node /near') });
    await using far = at('/far/er');
    await expect(readAll(far, { absent: 'empty' })).rejects.toMatchObject({
      code: 'unreachable',
      message: 'zookeeper has no node /far, which is above the root /far/er',
    });
  });

  test('values and lists of children that are larger than a request may be by default', async () => {
    await using zookeeper = await startZookeeper({ properties: { 'jute.maxbuffer': String(8 * 1024 * 1024) } });
    await using service = openZookeeper(zookeeper.address);
    const large = Buffer.from(Uint8Array.from({ length: 5_000_000 }, (_, index) => index % 251));
    const children = Array.from({ length: 20_000 }, (_, index) => node(`/wide/${'n'.repeat(60)}${index}`, null));
    const outcomes = await service.create([node('/large', large), node('/wide', null), ...children]);
    expect(outcomes.filter(({ status }) => status !== 'created')).toEqual([]);
    const { nodes } = await readAll(service);
    expect(nodes.size).toBe(children.length + 3);
    expect(Buffer.compare(nodes.get('/large')?.value ?? Buffer.alloc(0), large)).toBe(0);
  });

  test('what is deleted while it is read is gone, and is neither an error nor unreadable', async () => {
    await using zookeeper = await startZookeeper();
    await using service = openZookeeper(zookeeper.address);
    const named = (name: string) => Array.from({ length: 3_000 }, (_, index) => node(`/t/${name}${index}`, 'x'));
    const [staying, going] = [named('staying'), named('going')];
    await service.create([node('/t', null), ...staying, ...going]);
    const other = openSession(zookeeper.address);
    try {
      const removing = Promise.all(going.map(({ key }) => remove(other, latin1(key))));
      const { nodes, unreadable } = await readAll(service);
      await removing;
      expect(unreadable).toEqual([]);
      for (const { key } of staying) expect(nodes.has(latin1(key))).toBe(true);
      expect((await readAll(service)).nodes.size).toBe(staying.length + 2);
    } finally {
      await other.close();
    }
  });

  test('a node that goes with its client is no mark of the cluster', async () => {
    await using zookeeper = await startZookeeper();
    await using service = openZookeeper(zookeeper.address);
    const client = openSession(zookeeper.address);
    await createEphemeral(client, '/broker');
    expect((await service.identity()).cluster).toBeUndefined();
    await service.create([node('/app', null)]);
    const { cluster } = await service.identity();
    await client.close();
    expect(cluster).toBeDefined();
    expect((await service.identity()).cluster).toBe(cluster);
  });
});
