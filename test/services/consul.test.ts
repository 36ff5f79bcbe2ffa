import { createServer } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConsulAddress } from '../../src/services/consul/request.ts';
import { openConsul } from '../../src/services/consul.ts';
import type { ReadEvent, ReadOptions, Service } from '../../src/services/service.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { testService } from '../contract/service.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Consul, startConsul } from '../servers/consul.ts';
import { startProxy } from '../servers/proxy.ts';

const describe = describeWith('consul');

const node = (key: string, value: string | Uint8Array, flags?: string): Node => ({
  key: Buffer.from(key, 'latin1'),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  attributes: flags === undefined ? undefined : { flags },
  ephemeral: undefined,
});

async function readAll(service: Service, options: ReadOptions = {}) {
  const nodes = new Map<string, Node>();
  const events: ReadEvent[] = [];
  for await (const event of service.read(options)) {
    events.push(event);
    if (event.type === 'batch') for (const one of event.nodes) nodes.set(latin1(one.key), one);
  }
  const batches = events.filter((event) => event.type === 'batch');
  return {
    nodes,
    unreadable: batches.flatMap(({ unreadable = [] }) => unreadable),
    hidden: batches.find(({ hidden }) => hidden !== undefined)?.hidden,
    end: events.at(-1),
  };
}

interface Stored {
  readonly value: string;
  readonly flags: string;
  readonly modified: number;
}

/** What the API has below a prefix, read by another JSON parser than ours. */
async function stored(consul: Consul, prefix: string): Promise<Map<string, Stored>> {
  const text = await consul.api('GET', `/v1/kv/${prefix}?recurse`);
  const entries: { Key: string; Value: string | null; Flags: string; ModifyIndex: number }[] =
    text === '' ? [] : JSON.parse(text.replace(/"Flags":(\d+)/g, '"Flags":"$1"'));
  return new Map(
    entries.map(({ Key, Value, Flags, ModifyIndex }) => [
      Buffer.from(Key).toString('latin1'),
      { value: Value ?? '', flags: Flags, modified: ModifyIndex },
    ]),
  );
}

describe('one server', () => {
  let consul: Consul;
  let roots = 0;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul[Symbol.asyncDispose]());

  const open = (root = '', access: Partial<ConsulAddress> = {}) =>
    openConsul({ ...consul.address, root: Buffer.from(root, 'latin1'), ...access });

  testService({
    attributes: { flags: '18446744073709551615' },
    async open() {
      const root = `contract${roots++}`;
      const service = open(root);
      return {
        service,
        key: (name) => Buffer.from(`${root}/${name}`, 'latin1'),
        second: async () => open(root),
        witness: async (key) => {
          const found = (await stored(consul, root)).get(latin1(key));
          return found && Buffer.from(found.value, 'base64');
        },
        [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
      };
    },
  });

  test('without a root every key is exact, as Consul sees it too', async () => {
    await using service = open();
    const keys = [
      '/lead',
      'dbl//slash',
      'folder',
      'folder/',
      'folder/x',
      '../up',
      './dot',
      '%2F',
      ' sp ',
      'a\nb',
      'ü€🌳',
    ];
    const nodes = keys.map((key) => ({ ...node('x', key), key: Buffer.from(`z/${key}`) }));
    const outcomes = await service.create([...nodes, node('//z', '1'), node('/z', '2')]);
    expect(outcomes.filter(({ status }) => status !== 'created')).toEqual([]);
    const { nodes: found } = await readAll(service);
    expect([...found.keys()]).toEqual(expect.arrayContaining(['//z', '/z', ...nodes.map(({ key }) => latin1(key))]));
    const exported = JSON.parse(await consul.cli('kv', 'export', 'z/')) as { key: string; value: string }[];
    expect(new Map(exported.map(({ key, value }) => [key, Buffer.from(value, 'base64').toString()]))).toEqual(
      new Map(keys.map((key) => [`z/${key}`, key])),
    );
    await using lead = open('/z');
    expect([...(await readAll(lead)).nodes.keys()]).toEqual(['/z']);
  });

  test('a root is the key of that name and what is below it; with a slash at its end only the latter', async () => {
    await using all = open();
    await all.create(['r/app', 'r/app/', 'r/app/x', 'r/apple', 'r/app0'].map((key) => node(key, '1')));
    await using withNode = open('r/app');
    await using below = open('r/app/');
    expect([...(await readAll(withNode)).nodes.keys()]).toEqual(['r/app', 'r/app/', 'r/app/x']);
    expect([...(await readAll(below)).nodes.keys()]).toEqual(['r/app/', 'r/app/x']);
    expect(below.refuse(node('r/app', '1'))).toBe('it is not below the root r/app/');
    expect(withNode.refuse(node('r/apple', '1'))).toBe('it is not below the root r/app');
  });

  test('flags are exact to the last bit', async () => {
    await using service = open('flags');
    const lockMagic = '3304740253564472344';
    const all = [node('flags/a', '1', lockMagic), node('flags/b', '1', '18446744073709551615'), node('flags/c', '1')];
    await service.create(all);
    const { nodes } = await readAll(service);
    expect([...nodes.values()].map(({ attributes }) => attributes)).toEqual(all.map(({ attributes }) => attributes));
    expect((await stored(consul, 'flags')).get('flags/a')?.flags).toBe(lockMagic);
    expect(await service.create([node('flags/a', '1', '3304740253564472345')])).toEqual([
      { status: 'exists', same: false },
    ]);
    expect(service.refuse(node('flags/d', '1', '18446744073709551616'))).toMatch(/64 bits/);
    expect(service.refuse(node('flags/d', '1', 'x'))).toMatch(/64 bits/);
  });

  test('keys that a session has locked belong to a client', async () => {
    const { ID } = JSON.parse(await consul.api('PUT', '/v1/session/create', '{"TTL":"60s"}')) as { ID: string };
    await consul.api('PUT', `/v1/kv/locked/a?acquire=${ID}`, '1');
    await consul.api('PUT', '/v1/kv/locked/b', '1');
    await using service = open('locked/');
    const { nodes } = await readAll(service);
    expect([...nodes.values()].map(({ ephemeral }) => ephemeral)).toEqual([{ session: ID }, undefined]);
  });

  test('a key that the API garbles is told, and the others are read', async () => {
    await consul.api('PUT', '/v1/kv/garbled/%FF', '1');
    await consul.api('PUT', '/v1/kv/garbled/%EF%BF%BD', '2');
    await using service = open('garbled/');
    const { nodes, unreadable } = await readAll(service);
    expect([...nodes.values()].map(({ value }) => String(value))).toEqual(['2']);
    expect(unreadable.map(({ reason }) => reason)).toEqual([expect.stringContaining('not UTF-8')]);
  });

  test('values that are too large for a transaction, and for the server', async () => {
    await using service = open('large');
    const outcomes = await service.create([
      node('large/a', '1'),
      node('large/b', Buffer.alloc(512 * 1024, 'x')),
      node('large/c', Buffer.alloc(512 * 1024 + 1, 'x')),
      node('large/d//e', Buffer.alloc(512 * 1024, 'x')),
      node('large/f', Buffer.alloc(370_000, 'y'), '7'),
      node('large/g', '3'),
    ]);
    expect(outcomes).toEqual([
      { status: 'created' },
      { status: 'created' },
      { status: 'failed', reason: '524289 bytes are more than the server takes' },
      { status: 'failed', reason: expect.stringContaining('cannot stand in a URL') },
      { status: 'created' },
      { status: 'created' },
    ]);
    expect(await service.create([node('large/b', Buffer.alloc(512 * 1024, 'y'))])).toEqual([
      { status: 'exists', same: false },
    ]);
  });

  test('one that exists costs only itself, among more than one transaction takes', async () => {
    await using service = open('many');
    const all = Array.from({ length: 500 }, (_, index) => node(`many/${index}`, `${index}`));
    await service.create(all.filter((_, index) => index % 7 === 0));
    const outcomes = await service.create(all);
    expect(outcomes.map(({ status }) => status)).toEqual(
      all.map((_, index) => (index % 7 === 0 ? 'exists' : 'created')),
    );
  });

  test('what existed has the same value, flags and index afterwards, whoever else writes', async () => {
    await using service = open('prop');
    await using rival = open('prop');
    const keys = fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 60 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        keys,
        keys,
        fc.infiniteStream(fc.string({ maxLength: 3 })),
        async (existing, wanted, contents) => {
          const base = `prop/${round++}/`;
          const make = (numbers: number[]) =>
            numbers.map((number) => node(`${base}${number}`, String(contents.next().value)));
          await service.create(make(existing));
          const before = await stored(consul, base);
          const nodes = make(wanted);
          const [mine, theirs] = await Promise.all([service.create(nodes), rival.create(make(wanted.toReversed()))]);
          const after = await stored(consul, base);
          for (const [key, found] of before) expect(after.get(key)).toEqual(found);
          for (const [index, { key, value }] of nodes.entries()) {
            const same = after.get(latin1(key))?.value === Buffer.from(value ?? []).toString('base64');
            const outcome = mine[index];
            if (outcome?.status === 'created') expect(same).toBe(true);
            else expect(outcome).toEqual({ status: 'exists', same });
          }
          const created = [...mine, ...theirs].filter(({ status }) => status === 'created').length;
          expect(created).toBe(after.size - before.size);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('over a unix socket', async () => {
    await using service = open('sock', { endpoints: [{ host: consul.socket, port: 0 }] });
    expect(await service.create([node('sock/a', '1')])).toEqual([{ status: 'created' }]);
    expect([...(await readAll(service)).nodes.keys()]).toEqual(['sock/a']);
    expect((await service.identity()).source).toBe(`consul://${encodeURIComponent(consul.socket)}/sock`);
  });

  test('identity is the datacenter, and a datacenter that is not there is told', async () => {
    await using service = open('app/x');
    const { version, ...rest } = await service.identity();
    expect(version).toMatch(/^\d+\.\d+/);
    expect(rest).toEqual({ source: `consul://127.0.0.1:${consul.endpoint.port}/app/x`, cluster: 'dc1' });
    await using nowhere = open('', { datacenter: 'dc9' });
    const refused = { code: 'unreachable', message: expect.stringContaining('no such datacenter') };
    await expect(readAll(nowhere)).rejects.toMatchObject(refused);
    await expect(nowhere.create([node('x', '1')])).rejects.toMatchObject(refused);
    await using here = open('app', { datacenter: 'dc1' });
    expect((await readAll(here)).end?.type).toBe('end');
  });

  test('a list that is cut off is never taken for the whole', async () => {
    await using service = open('cut');
    await service.create(Array.from({ length: 300 }, (_, index) => node(`cut/${index}`, Buffer.alloc(3_000, 'x'))));
    await using proxy = await startProxy(consul.endpoint, 400_000, (one) => one.cut());
    await using behind = open('cut', { endpoints: [proxy.endpoint] });
    await expect(readAll(behind)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('closed the connection'),
    });
  });

  test('a server that does not answer is told within the timeout, at any point', async () => {
    await using service = open('silent', { timeout: 700 });
    await service.create(Array.from({ length: 300 }, (_, index) => node(`silent/${index}`, Buffer.alloc(3_000, 'x'))));
    const silent = { code: 'unreachable', message: expect.stringContaining('did not answer within 0.7 s') };
    const start = Date.now();
    try {
      await using proxy = await startProxy(consul.endpoint, 400_000, () => consul.server.pause());
      await using behind = open('silent', { endpoints: [proxy.endpoint], timeout: 700 });
      // What the kernel holds of an answer still arrives; what comes after it does not.
      await readAll(behind).catch((thrown: unknown) => expect(thrown).toMatchObject({ code: 'unreachable' }));
      await expect(readAll(service)).rejects.toMatchObject(silent);
      await expect(service.create([node('silent/x', '1')])).rejects.toMatchObject(silent);
      await expect(service.identity()).rejects.toMatchObject(silent);
    } finally {
      consul.server.resume();
    }
    expect(Date.now() - start).toBeLessThan(6_000);
  });
});

describe('tokens', () => {
  test('that may do all, some or nothing', async () => {
    await using consul = await startConsul({ acl: true });
    const open = (token: string | undefined, root = '') => {
      const { token: _, ...anonymous } = consul.address;
      return openConsul({ ...anonymous, root: Buffer.from(root), ...(token !== undefined && { token }) });
    };
    await using all = openConsul(consul.address);
    expect(await readAll(all)).toMatchObject({ hidden: undefined, end: { type: 'end' } });
    await all.create([node('app/x', '1'), node('other/x', '1')]);

    const limited = await consul.createToken('key_prefix "app/" { policy = "write" }');
    await using some = open(limited);
    expect([...(await readAll(some)).nodes.keys()]).toEqual(['app/x']);
    expect(await some.identity()).toMatchObject({ cluster: 'dc1' });
    expect(await some.create([node('app/y', '1'), node('other/y', '1'), node('app/x', '2')])).toEqual([
      { status: 'created' },
      { status: 'failed', reason: expect.stringContaining('denied') },
      { status: 'exists', same: false },
    ]);

    // It sees nothing here, and nobody can know whether that is because there is nothing.
    await using elsewhere = open(limited, 'other');
    expect((await readAll(elsewhere)).hidden).toMatch(/no right/);

    const giveToken = { code: 'unreachable', hint: expect.stringContaining('CONSUL_HTTP_TOKEN') };
    await using nobody = open(undefined);
    await expect(readAll(nobody)).rejects.toMatchObject(giveToken);
    await using wrong = open('bbbbbbbb-0000-0000-0000-000000000001');
    await expect(readAll(wrong)).rejects.toMatchObject({
      ...giveToken,
      message: expect.stringContaining('does not know the token'),
    });
    await expect(wrong.create([node('x', '1')])).rejects.toMatchObject(giveToken);
  });
});

describe('connections', () => {
  const reading = async (address: ConsulAddress) => {
    await using service = openConsul(address);
    return [...(await readAll(service)).nodes.keys()];
  };
  const refused = (fact: string) => ({ code: 'unreachable', message: expect.stringContaining(fact) });
  const at = (port: number): ConsulAddress => ({
    endpoints: [{ host: '127.0.0.1', port }],
    root: new Uint8Array(),
    timeout: 1_500,
  });

  test('over TLS, and what can be wrong with it', async () => {
    await using consul = await startConsul({ tls: true });
    const { address, certificates } = consul;
    await using service = openConsul(address);
    expect(await service.create([node('a', '1')])).toEqual([{ status: 'created' }]);
    expect(await reading(address)).toEqual(['a']);
    expect(await service.identity()).toMatchObject({ cluster: 'dc1', source: expect.stringMatching(/^consul\+tls:/) });
    const untrusted = refused('authority that is not trusted');
    await expect(reading({ ...address, tls: { ca: certificates?.otherCa.cert as Buffer } })).rejects.toMatchObject(
      untrusted,
    );
    await expect(reading({ ...address, tls: {} })).rejects.toMatchObject(untrusted);
    await expect(reading({ ...address, tls: undefined })).rejects.toMatchObject(
      refused('does not answer as a Consul does'),
    );
    const { ca } = address.tls ?? {};
    const otherName = reading({ ...address, tls: { ...(ca && { ca }), serverName: 'other.example' } });
    await expect(otherName).rejects.toMatchObject(refused('for another name'));
  });

  test('with a client certificate, and without', async () => {
    await using consul = await startConsul({ clientCert: true });
    const { address, certificates } = consul;
    const { cert, key } = certificates?.client ?? {};
    if (!cert || !key) throw new Error('no client certificate was made');
    expect(await reading({ ...address, tls: { ...address.tls, cert, key } })).toEqual([]);
    await expect(reading(address)).rejects.toMatchObject(refused('client certificate'));
  });

  test('an expired certificate', async () => {
    await using consul = await startConsul({ expired: true });
    await expect(reading(consul.address)).rejects.toMatchObject(refused('has expired'));
  });

  test('TLS to a port without; and the next endpoint where one does not answer', async () => {
    await using consul = await startConsul();
    await expect(reading({ ...consul.address, tls: {} })).rejects.toMatchObject(refused('does not speak TLS'));
    const endpoints = [{ host: '127.0.0.1', port: 1 }, consul.endpoint];
    await using service = openConsul({ ...consul.address, endpoints });
    expect(await service.create([node('a', '1')])).toEqual([{ status: 'created' }]);
    expect([...(await readAll(service)).nodes.keys()]).toEqual(['a']);
    expect(await service.identity()).toMatchObject({ cluster: 'dc1' });
  });

  test('nobody there', async () => {
    await expect(reading(at(1))).rejects.toMatchObject(refused('refuses the connection'));
    const noName = { ...at(1), endpoints: [{ host: 'no-such-host.invalid', port: 1 }] };
    await expect(reading(noName)).rejects.toMatchObject(refused('cannot be resolved'));
    await expect(reading({ ...at(1), endpoints: [{ host: '/nowhere/consul.sock', port: 0 }] })).rejects.toMatchObject(
      refused('no socket'),
    );
  });

  test.each([
    [
      'a web server',
      'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<p>hi</p>',
      'does not answer as a Consul does',
    ],
    ['an empty page', 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n', 'does not answer as a Consul does'],
    ['an SSH server', 'SSH-2.0-OpenSSH_9.2\r\n', 'does not answer as a Consul does'],
    ['somebody who says nothing', '', 'did not answer within 1.5 s'],
  ])('%s', async (_who, greeting, fact) => {
    const server = createServer((socket) => socket.on('error', () => {}).write(greeting));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      await expect(reading(at(port))).rejects.toMatchObject(refused(fact));
    } finally {
      server.close();
    }
  });
});
