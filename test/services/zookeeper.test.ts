import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestId } from '../../src/services/zookeeper/acl.ts';
import { pipelinedReads, readAcls } from '../../src/services/zookeeper/reads.ts';
import { decodeAcl } from '../../src/services/zookeeper/records.ts';
import { openSession, type ZookeeperAddress } from '../../src/services/zookeeper/session.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { testService } from '../contract/service.ts';
import { describeWith } from '../servers/binaries.ts';
import { hasZookeeper, startZookeeper, type Zookeeper } from '../servers/zookeeper.ts';
import { acl, node, readAll } from './zookeeper-nodes.ts';

const describe = describeWith('java', ...(hasZookeeper() ? [] : ['zookeeper.jar']));

describe('one server', () => {
  let zookeeper: Zookeeper;
  let roots = 0;
  beforeAll(async () => {
    zookeeper = await startZookeeper();
  });
  afterAll(() => zookeeper[Symbol.asyncDispose]());

  const open = (root = '', access: Partial<ZookeeperAddress> = {}) =>
    openZookeeper({ ...zookeeper.address, root: Buffer.from(root, 'latin1'), ...access });
  /** A service over a node of its own, which is there already. */
  const openFresh = async (access: Partial<ZookeeperAddress> = {}) => {
    const root = `/test${roots++}`;
    await using all = open();
    await all.create([node(root, null)]);
    return { root, service: open(root, access) };
  };
  const witness = async (path: string) => {
    const session = openSession(zookeeper.address);
    try {
      const [[found], [itsAcl]] = await Promise.all([
        pipelinedReads.data(session, [path]),
        readAcls(session, [path], decodeAcl),
      ]);
      return { data: found?.answer?.data, stat: found?.answer?.stat, acl: itsAcl?.answer };
    } finally {
      await session.close();
    }
  };

  testService({
    attributes: acl('world:anyone:r', 'ip:127.0.0.1:cdrwa'),
    async open() {
      const { root, service } = await openFresh();
      return {
        service,
        key: (name) => Buffer.from(`${root}/${name}`, 'latin1'),
        second: async () => open(root),
        witness: async (key) => (await witness(latin1(key))).data,
        [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
      };
    },
  });

  test('the root node has data and an ACL of its own, and the system is left out', async () => {
    await using service = open();
    const { nodes } = await readAll(service, { prefixes: [Buffer.from('/zoo')] });
    expect([...nodes.keys()]).toEqual(['/']);
    expect(nodes.get('/')?.value).toEqual(Buffer.alloc(0));
  });

  test('a root that is not there is an error, unless it may be', async () => {
    await using service = open('/nowhere');
    await expect(readAll(service)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('/nowhere'),
    });
    const { nodes } = await readAll(service, { absent: 'empty' });
    expect(nodes.size).toBe(0);
  });

  test('twenty thousand children of one node', async () => {
    const { root, service } = await openFresh();
    await using _ = service;
    const children = Array.from({ length: 20_000 }, (_value, index) => node(`${root}/child-${index}`, `${index}`));
    expect((await service.create(children)).filter(({ status }) => status !== 'created')).toEqual([]);
    const { nodes, end } = await readAll(service);
    expect(nodes.size).toBe(20_001);
    expect(end.consistency).toBe('quiescent');
  });

  test('ACLs come back as they were, of every scheme that the server knows', async () => {
    const { root, service } = await openFresh();
    await using _ = service;
    const all = [
      node(`${root}/read-only`, '1', acl('world:anyone:r')),
      node(`${root}/ip`, '1', acl('ip:127.0.0.1:cdrwa', 'ip:10.0.0.0/8:r')),
      node(`${root}/digest`, '1', acl(`digest:${digestId('bob', 'pw')}:cdrwa`, 'world:anyone:ra')),
      node(`${root}/x509`, '1', acl('x509:CN=backup:r', 'world:anyone:r')),
    ];
    const outcomes = await service.create(all);
    expect(outcomes.slice(0, 3).map(({ status }) => status)).toEqual(['created', 'created', 'created']);
    // Without TLS the server has no provider for x509, and says so for this node alone.
    expect(outcomes[3]).toMatchObject({ status: 'failed', reason: expect.stringContaining('refuses the ACL') });
    const { nodes } = await readAll(service);
    for (const { key, attributes } of all.slice(0, 3)) expect(nodes.get(latin1(key))?.attributes).toEqual(attributes);
  });

  test('a digest that the server masks is marked, and is never restored', async () => {
    const { root, service } = await openFresh();
    await using _ = service;
    await service.create([node(`${root}/masked`, '1', acl(`digest:${digestId('bob', 'pw')}:cdrwa`, 'world:anyone:r'))]);
    const masked = (await readAll(service)).nodes.get(`${root}/masked`);
    expect(masked?.attributes).toEqual({
      acl: [
        { scheme: 'digest', id: 'bob:x', perms: 'cdrwa', redacted: true },
        { scheme: 'world', id: 'anyone', perms: 'r' },
      ],
    });
    expect(masked && service.refuse(masked)).toMatch(/masked/);
    const { redacted: _r, ...bare } = { scheme: 'digest', id: 'bob:x', perms: 'cdrwa', redacted: true };
    expect(service.refuse(node(`${root}/y`, '1', { acl: [bare] }))).toMatch(/masked/);

    await using bob = open(root, { user: 'bob', password: 'pw' });
    const seen = (await readAll(bob)).nodes.get(`${root}/masked`);
    expect(seen?.attributes).toEqual(acl(`digest:${digestId('bob', 'pw')}:cdrwa`, 'world:anyone:r'));
  });

  test('a parent that we could not create children in is never open, and has its own ACL in the end', async () => {
    const { root, service: anonymous } = await openFresh();
    await using _ = anonymous;
    await using bob = open(root, { user: 'bob', password: 'pw' });
    const closed = acl(`digest:${digestId('alice', 'secret')}:cdrwa`, 'world:anyone:r');
    const tree = [
      node(`${root}/closed`, 'p', closed),
      node(`${root}/closed/child`, 'c', closed),
      node(`${root}/closed/child/leaf`, 'l', closed),
      node(`${root}/open`, 'o'),
    ];

    expect(await bob.create(tree.slice(0, 2))).toEqual([{ status: 'created' }, { status: 'created' }]);
    const meanwhile = (await witness(`${root}/closed`)).acl;
    expect(meanwhile).toBeUndefined();
    expect(await bob.create(tree.slice(2))).toEqual([{ status: 'created' }, { status: 'created' }]);
    expect(await bob.settle?.()).toEqual([]);

    await using alice = open(root, { user: 'alice', password: 'secret' });
    const { nodes } = await readAll(alice);
    for (const { key, attributes } of tree) expect(nodes.get(latin1(key))?.attributes).toEqual(attributes);
    expect((await bob.create(tree)).map(({ status }) => status)).toEqual(['exists', 'exists', 'exists', 'exists']);
  });

  test('what may not be read is told, with all that is below it', async () => {
    const { root, service } = await openFresh();
    await using _ = service;
    await using bob = open(root, { user: 'bob', password: 'pw' });
    const own = acl(`digest:${digestId('bob', 'pw')}:cdrwa`);
    await bob.create([node(`${root}/seen`, '1'), node(`${root}/own`, '1', own), node(`${root}/own/below`, '1')]);
    const { nodes, unreadable } = await readAll(service);
    expect([...nodes.keys()]).toEqual([root, `${root}/seen`]);
    expect(unreadable).toEqual([
      { key: Buffer.from(`${root}/own`), reason: 'no permission to read it', subtree: true },
    ]);
    expect([...(await readAll(bob)).nodes.keys()].sort()).toEqual([
      root,
      `${root}/own`,
      `${root}/own/below`,
      `${root}/seen`,
    ]);

    await using inside = open(`${root}/own`);
    await expect(readAll(inside)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('does not let'),
    });
  });

  test('nothing is lost or made up while another client writes', async () => {
    const { root, service } = await openFresh();
    await using _ = service;
    const stable = Array.from({ length: 1_500 }, (_value, index) => node(`${root}/stable${index}`, 'x'.repeat(100)));
    await service.create(stable);
    await using rival = open(root);
    let isOver = false;
    const storm = (async () => {
      for (let round = 0; !isOver; round++) {
        await rival.create([node(`${root}/new${round}`, `${round}`), node(`${root}/new${round}/below`, null)]);
      }
    })();
    const { nodes, end } = await readAll(service);
    isOver = true;
    await storm;
    for (const { key } of stable) expect(nodes.has(latin1(key))).toBe(true);
    for (const path of nodes.keys()) {
      if (path !== root) expect(nodes.has(path.slice(0, path.lastIndexOf('/')))).toBe(true);
    }
    expect(end.consistency).toBe('fuzzy');
    expect(end.window).toMatch(/^zxid 0x[0-9a-f]+-0x[0-9a-f]+$/);
  });

  test('what existed has the same data, ACL and transaction afterwards, whoever else writes', async () => {
    const { root, service } = await openFresh();
    await using _ = service;
    await using rival = open(root);
    const keys = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 40 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        keys,
        keys,
        fc.infiniteStream(fc.string({ maxLength: 3 })),
        async (existing, wanted, contents) => {
          const base = `${root}/r${round++}`;
          await service.create([node(base, null)]);
          const make = (numbers: number[]) =>
            numbers.map((number) => node(`${base}/${number}`, String(contents.next().value)));
          await service.create(make(existing));
          const before = await Promise.all(existing.map((number) => witness(`${base}/${number}`)));
          const nodes = make(wanted);
          const [mine, theirs] = await Promise.all([service.create(nodes), rival.create(make(wanted.toReversed()))]);
          const after = await Promise.all(existing.map((number) => witness(`${base}/${number}`)));
          expect(after.map(({ data, stat }) => [data, stat?.mzxid])).toEqual(
            before.map(({ data, stat }) => [data, stat?.mzxid]),
          );
          for (const [index, { key, value }] of nodes.entries()) {
            const now = (await witness(latin1(key))).data;
            const same = Buffer.compare(now ?? Buffer.from('none'), value ?? Buffer.alloc(0)) === 0;
            const outcome = mine[index];
            if (outcome?.status === 'created') expect(same).toBe(true);
            else expect(outcome).toEqual({ status: 'exists', same });
          }
          const created = [...mine, ...theirs].filter(({ status }) => status === 'created').length;
          expect(created).toBe(new Set([...existing, ...wanted]).size - existing.length);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('a value that the server does not take fails alone', async () => {
    const { root, service } = await openFresh();
    await using _ = service;
    const outcomes = await service.create([
      node(`${root}/a`, '1'),
      node(`${root}/b`, Buffer.alloc(1_100_000)),
      node(`${root}/c`, '3'),
    ]);
    expect(outcomes).toEqual([
      { status: 'created' },
      { status: 'failed', reason: '1100000 bytes are more than the server takes (jute.maxbuffer)' },
      { status: 'created' },
    ]);
  });

  test('identity has the version, and a marker that stays', async () => {
    await using service = open();
    const first = await service.identity();
    expect(first).toMatchObject({
      version: expect.stringMatching(/^3\.\d+\.\d+$/),
      source: `zookeeper://127.0.0.1:${zookeeper.endpoint.port}`,
      cluster: expect.stringMatching(/^[0-9a-f]+-\d+$/),
    });
    expect(await service.identity()).toEqual(first);
  });

  test('a server that does not answer is told within the timeout', async () => {
    const { root, service } = await openFresh({ timeout: 700 });
    await using _ = service;
    const start = Date.now();
    await zookeeper.server.pause();
    try {
      const silent = { code: 'unreachable', message: expect.stringContaining('did not answer within 0.7 s') };
      await expect(readAll(service)).rejects.toMatchObject(silent);
      await expect(service.create([node(`${root}/x`, '1')])).rejects.toMatchObject(silent);
      await expect(service.identity()).rejects.toMatchObject(silent);
    } finally {
      zookeeper.server.resume();
    }
    expect(Date.now() - start).toBeLessThan(5_000);
  });
});
