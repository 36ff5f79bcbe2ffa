import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EtcdAddress } from '../../src/services/etcd/client.ts';
import { openEtcd } from '../../src/services/etcd.ts';
import { RestartRead } from '../../src/services/service.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { testService } from '../contract/service.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Etcd, startEtcd } from '../servers/etcd.ts';
import { node, readKeys, stored } from './etcd-nodes.ts';

const describe = describeWith('etcd', 'etcdctl');

describe('one node', () => {
  let etcd: Etcd;
  let roots = 0;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd[Symbol.asyncDispose]());

  const open = (root: string, address: Partial<EtcdAddress> = {}) =>
    openEtcd({ ...etcd.address, root: Buffer.from(root, 'latin1'), ...address });

  testService({
    async open() {
      const root = `/contract${roots++}`;
      const service = open(root);
      return {
        service,
        key: (name) => Buffer.from(`${root}/${name}`, 'latin1'),
        second: async () => open(root),
        witness: async (key) => (await stored(etcd, root)).get(latin1(key))?.value,
        [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
      };
    },
  });

  test('a root is the node of that name and what is below it; with a slash at its end only the latter', async () => {
    await using all = open('');
    await all.create(['/r/app', '/r/app/', '/r/app/x', '/r/apple', '/r/app0', '/r/ap'].map((key) => node(key, '1')));
    await using withNode = open('/r/app');
    await using below = open('/r/app/');
    expect(await readKeys(withNode)).toEqual(['/r/app', '/r/app/', '/r/app/x']);
    expect(await readKeys(below)).toEqual(['/r/app/', '/r/app/x']);
    expect(below.refuse(node('/r/app', '1'))).toBe('it is not below the root /r/app/');
    expect(withNode.refuse(node('/r/apple', '1'))).toBe('it is not below the root /r/app');
  });

  test('prefixes at the edge of all bytes', async () => {
    await using service = open('');
    await service.create([node('\xff', '1'), node('\xff\xff', '2'), node('\xff\xff\x01', '3'), node('\xfe', '4')]);
    expect(await readKeys(service, [Buffer.from('\xff\xff', 'latin1')])).toEqual(['\xff\xff', '\xff\xff\x01']);
    expect((await readKeys(service)).slice(-4)).toEqual(['\xfe', '\xff', '\xff\xff', '\xff\xff\x01']);
  });

  test('prefixes that overlap give each key once', async () => {
    await using service = open('');
    await service.create([node('/o/a', '1'), node('/o/ab', '1'), node('/o/b', '1')]);
    const prefixes = ['/o/b', '/o/ab', '/o/a', '/o/a'].map((prefix) => Buffer.from(prefix));
    expect(await readKeys(service, prefixes)).toEqual(['/o/a', '/o/ab', '/o/b']);
  });

  test('all pages are of one moment, whatever is written meanwhile', async () => {
    await using service = open('/pages');
    await service.create(
      Array.from({ length: 3_000 }, (_, index) => node(`/pages/${String(index).padStart(5, '0')}`, 'before')),
    );
    const values = new Set<string>();
    let seen = 0;
    for await (const event of service.read()) {
      if (event.type === 'end') break;
      if (seen === 0) {
        await etcd.ctl('put', '/pages/02999', 'after');
        await etcd.ctl('del', '/pages/02000');
        await etcd.ctl('put', '/pages/99999', 'after');
      }
      seen += event.nodes.length;
      for (const { value } of event.nodes) values.add(String(value));
    }
    expect(seen).toBe(3_000);
    expect([...values]).toEqual(['before']);
  });

  test('a revision that is compacted away in the middle of a read asks for a new one', async () => {
    await using service = open('/compact');
    const large = 'x'.repeat(20_000);
    await service.create(Array.from({ length: 2_000 }, (_, index) => node(`/compact/${index}`, large)));
    const read = async () => {
      let first = true;
      for await (const _ of service.read()) {
        if (!first) continue;
        first = false;
        for (const key of ['a', 'b', 'c']) await etcd.ctl('put', `/compact-other/${key}`, '1');
        const { Status } = JSON.parse(await etcd.ctl('endpoint', 'status', '-w', 'json'))[0];
        await etcd.ctl('compaction', String(Status.header.revision));
      }
    };
    await expect(read()).rejects.toThrow(RestartRead);
  });

  test('keys with a lease belong to a client, and say which lease holds them', async () => {
    const [, lease = ''] = /lease (\w+) granted/.exec(await etcd.ctl('lease', 'grant', '600')) ?? [];
    await etcd.ctl('put', `--lease=${lease}`, '/leased/a', '1');
    await etcd.ctl('put', '/leased/b', '1');
    await using service = open('/leased/');
    const found: unknown[] = [];
    for await (const event of service.read())
      if (event.type === 'batch') found.push(...event.nodes.map(({ ephemeral }) => ephemeral));
    expect(found).toEqual([{ lease, ttl: '600' }, undefined]);
  });

  test('what existed has the same bytes and the same revision afterwards, whoever else writes', async () => {
    await using service = open('/prop');
    await using rival = open('/prop');
    const keys = fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 60 });
    const values = fc.uint8Array({ maxLength: 40 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(keys, keys, fc.infiniteStream(values), async (existing, wanted, contents) => {
        const base = `/prop/${round++}/`;
        const make = (numbers: number[]) =>
          numbers.map((number) => node(`${base}${number}`, contents.next().value ?? new Uint8Array()));
        await service.create(make(existing));
        const before = await stored(etcd, base);

        const nodes = make(wanted);
        const [mine, theirs] = await Promise.all([service.create(nodes), rival.create(make(wanted.toReversed()))]);
        const after = await stored(etcd, base);
        for (const [key, { value, mod }] of before) expect(after.get(key)).toEqual({ value, mod });
        for (const [index, { key, value }] of nodes.entries()) {
          const outcome = mine[index];
          const now = after.get(latin1(key))?.value;
          const same = Buffer.compare(now ?? Buffer.from('none'), value) === 0;
          if (outcome?.status === 'created') expect(same).toBe(true);
          else expect(outcome).toEqual({ status: 'exists', same });
        }
        const created = [...mine, ...theirs].filter(({ status }) => status === 'created').length;
        expect(created).toBe(after.size - before.size);
      }),
      { numRuns: 40 },
    );
  });

  test('a value that the server does not take fails alone', async () => {
    await using service = open('/large');
    const outcomes = await service.create([
      node('/large/a', '1'),
      node('/large/b', Buffer.alloc(1_700_000)),
      node('/large/c', '3'),
    ]);
    expect(outcomes).toEqual([
      { status: 'created' },
      { status: 'failed', reason: 'request is too large' },
      { status: 'created' },
    ]);
  });

  test('an etcd that does not answer is told within the timeout', async () => {
    await using service = open('/', { timeout: 700 });
    await etcd.servers[0]?.pause();
    const start = Date.now();
    try {
      await expect(readKeys(service)).rejects.toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining('did not answer within 0.7 s'),
      });
      await expect(service.create([node('/x', '1')])).rejects.toMatchObject({ code: 'unreachable' });
      await expect(service.identity()).rejects.toMatchObject({ code: 'unreachable' });
    } finally {
      etcd.servers[0]?.resume();
    }
    expect(Date.now() - start).toBeLessThan(5_000);
  });

  test('identity is that of the cluster, as etcdctl has it', async () => {
    await using service = open('/app');
    const { cluster, source, version } = await service.identity();
    const [status] = JSON.parse(await etcd.ctl('endpoint', 'status', '-w', 'json'));
    expect(cluster).toBe(BigInt(status.Status.header.cluster_id).toString(16).length > 0 ? cluster : '');
    expect(await etcd.ctl('member', 'list', '-w', 'fields')).toContain(`"ClusterID" : ${BigInt(`0x${cluster}`)}`);
    expect(version).toBe(status.Status.version);
    expect(source).toBe(`etcd://127.0.0.1:${etcd.endpoints[0]?.port}/app`);
  });
});
