import { afterAll, beforeAll, expect, test } from 'vitest';
import { pipelinedReads } from '../../src/services/zookeeper/reads.ts';
import { encodeAddWatch, encodeCreate, encodeCreateTtl, opCodes } from '../../src/services/zookeeper/records.ts';
import { openSession } from '../../src/services/zookeeper/session.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { describeWith, withoutTests } from '../servers/binaries.ts';
import { hasZookeeper, startZookeeper, type Zookeeper } from '../servers/zookeeper.ts';
import { call } from './zookeeper-nodes.ts';
import { openWitness, type Witness, witnessProblem } from './zookeeper-witness.ts';

const problem = await witnessProblem();
const describe =
  problem === undefined
    ? describeWith('java', ...(hasZookeeper() ? [] : ['zookeeper.jar']))
    : withoutTests(`zookeeper package (${problem})`, 'install it where there is a compiler, with npm ci');

/** Apache's C client, which shares no line with ours: what one writes, the other reads. */
describe("Apache's client as a witness", () => {
  let zookeeper: Zookeeper;
  let witness: Witness;
  beforeAll(async () => {
    zookeeper = await startZookeeper();
    witness = await openWitness(zookeeper.endpoint);
  });
  afterAll(async () => {
    await witness.close();
    await zookeeper[Symbol.asyncDispose]();
  });

  const node = (key: string, value: Uint8Array | null, attributes?: Node['attributes']): Node => ({
    key: Buffer.from(key, 'utf8'),
    value,
    attributes,
    ephemeral: undefined,
  });
  const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

  test('what we write, it reads', async () => {
    await using service = openZookeeper(zookeeper.address);
    const acl = [
      { scheme: 'ip', id: '127.0.0.1', perms: 'cdrwa' },
      { scheme: 'world', id: 'anyone', perms: 'r' },
    ];
    const nodes = [
      node('/ours', Buffer.from('both')),
      node('/ours/binary', everyByte),
      node('/ours/empty', new Uint8Array()),
      node('/ours/größe', Buffer.from('ä')),
      node('/ours/large', Buffer.alloc(1_000_000, 7)),
      node('/ours/guarded', Buffer.from('1'), { acl }),
    ];
    expect(await service.create(nodes)).toEqual(nodes.map(() => ({ status: 'created' })));

    for (const { key, value } of nodes) {
      const { owner, data } = await witness.get(Buffer.from(key).toString('utf8'));
      expect(Buffer.compare(data, value ?? Buffer.alloc(0))).toBe(0);
      expect(owner).toMatch(/^0+$/);
    }
    expect((await witness.children('/ours')).sort()).toEqual(['binary', 'empty', 'größe', 'guarded', 'large']);
    expect(await witness.acl('/ours/guarded')).toEqual([
      { perms: 31, scheme: 'ip', auth: '127.0.0.1' },
      { perms: 1, scheme: 'world', auth: 'anyone' },
    ]);
  });

  test('what it writes, we read, its ephemeral nodes as such', async () => {
    await witness.create('/theirs', Buffer.from('both'), 0);
    await witness.create('/theirs/binary', Buffer.from(everyByte), 0);
    await witness.create('/theirs/größe', Buffer.alloc(0), 0);
    await witness.create('/theirs/broker', Buffer.from('host'), 1);
    const numbered = await witness.create('/theirs/lock-', Buffer.from('q'), 2);
    await witness.setAcl('/theirs/binary', [{ perms: 1, scheme: 'world', auth: 'anyone' }]);

    const found = new Map<string, Node>();
    await using service = openZookeeper({ ...zookeeper.address, root: Buffer.from('/theirs') });
    for await (const event of service.read())
      if (event.type === 'batch') for (const one of event.nodes) found.set(Buffer.from(one.key).toString('utf8'), one);
    expect([...found.keys()].sort()).toEqual(
      ['/theirs', '/theirs/binary', '/theirs/broker', '/theirs/größe', numbered].sort(),
    );
    expect(Buffer.compare(found.get('/theirs/binary')?.value ?? Buffer.alloc(0), everyByte)).toBe(0);
    expect(found.get('/theirs/größe')?.value).toEqual(Buffer.alloc(0));
    expect(found.get('/theirs/binary')?.attributes).toEqual({ acl: [{ scheme: 'world', id: 'anyone', perms: 'r' }] });
    expect(found.get('/theirs/broker')?.ephemeral).toEqual({ owner: expect.stringMatching(/^0x[0-9a-f]+$/) });
    expect(found.get('/theirs')?.ephemeral).toBeUndefined();
  });

  test('container and TTL nodes of ours are what the server says they are, and look like any other', async () => {
    const session = openSession(zookeeper.address);
    try {
      const acl = [{ perms: 31, scheme: 'world', id: 'anyone' }];
      const creation = (path: string) => ({ path, data: Buffer.from('1'), acl });
      await call(session, opCodes.createContainer, (writer) => encodeCreate(writer, creation('/container'), 4));
      await call(session, opCodes.createTtl, (writer) => encodeCreateTtl(writer, creation('/ttl'), 86_400_000n));
      for (const path of ['/container', '/ttl']) {
        const { owner, data } = await witness.get(path);
        expect(data.toString()).toBe('1');
        expect(owner).toMatch(/^0+$/);
      }
    } finally {
      await session.close();
    }
    // Only the server itself knows: a container goes once it has had children and has none.
    await witness.create('/container/child', Buffer.alloc(0), 0);
    await using service = openZookeeper({ ...zookeeper.address, root: Buffer.from('/container') });
    for await (const event of service.read())
      if (event.type === 'batch') for (const one of event.nodes) expect(one.ephemeral).toBeUndefined();
  });

  test('a watch over a tree tells what another client does below it', async () => {
    await witness.create('/watched', Buffer.alloc(0), 0);
    const events: string[] = [];
    let told = () => {};
    const all = new Promise<void>((resolve) => {
      told = resolve;
    });
    const session = openSession(zookeeper.address, ({ type, path }) => {
      events.push(`${type} ${path}`);
      if (events.length === 3) told();
    });
    try {
      await call(session, opCodes.addWatch, (writer) => encodeAddWatch(writer, '/watched', 1));
      await witness.create('/watched/a', Buffer.from('1'), 0);
      await witness.set('/watched/a', Buffer.from('2'));
      await witness.remove('/watched/a');
      await all;
      expect(events).toEqual(['1 /watched/a', '3 /watched/a', '2 /watched/a']);
      const [data] = await pipelinedReads.data(session, [latin1(Buffer.from('/watched'))]);
      expect(data?.error).toBe(0);
    } finally {
      await session.close();
    }
  });
});
