import { createServer as createHttpServer, request } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConsulAddress } from '../../src/services/consul/client.ts';
import { openConsul } from '../../src/services/consul.ts';
import type { ReadEvent, Reading, Service, Unreadable } from '../../src/services/service.ts';
import type { Attributes, Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { testService } from '../contract/service.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Consul, startConsul } from '../servers/consul.ts';

const describe = describeWith('consul');
const limit = 512 * 1024;

const node = (key: string, value: string | Uint8Array, attributes?: Attributes): Node => ({
  key: Buffer.from(key),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  attributes,
  ephemeral: undefined,
});

interface Result {
  readonly nodes: readonly Node[];
  readonly unreadable: readonly Unreadable[];
  readonly end: Reading | undefined;
  readonly hidden: string | undefined;
}

async function readAll(service: Service, prefixes: readonly (string | Uint8Array)[] = []): Promise<Result> {
  const events: ReadEvent[] = [];
  for await (const event of service.read({ prefixes: prefixes.map((prefix) => Buffer.from(prefix as string)) }))
    events.push(event);
  return {
    nodes: events.flatMap((event) => (event.type === 'batch' ? event.nodes : [])),
    unreadable: events.flatMap((event) => (event.type === 'batch' ? (event.unreadable ?? []) : [])),
    end: events.find((event) => event.type === 'end'),
    hidden: events.flatMap((event) => (event.type === 'batch' ? (event.hidden ?? []) : []))[0],
  };
}

async function readKeys(service: Service, prefixes: readonly (string | Uint8Array)[] = []): Promise<string[]> {
  return (await readAll(service, prefixes)).nodes.map(({ key }) => Buffer.from(key).toString());
}

interface Stored {
  readonly value: string;
  readonly flags: string;
  readonly index: string;
}

/** What Consul itself says below a prefix, decoded without any code of the driver. */
async function stored(consul: Consul, prefix: string): Promise<Map<string, Stored>> {
  const answer = await consul.api('GET', `kv/${prefix}?recurse`);
  const list: { Key: string; Value: string | null; Flags: string; ModifyIndex: string }[] = JSON.parse(
    (answer || '[]').replace(/"(?:Flags|ModifyIndex)":\d+/g, (member) => member.replace(/\d+$/, '"$&"')),
  );
  return new Map(
    list.map(({ Key, Value, Flags, ModifyIndex }) => [Key, { value: Value ?? '', flags: Flags, index: ModifyIndex }]),
  );
}

/** Listens where `handle` says what becomes of each connection. */
async function listening(handle: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  return served(
    createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      handle(socket);
    }),
    () => {
      for (const socket of sockets) socket.destroy();
    },
  );
}

/** Passes requests on to a Consul, and does to the answers what newer and older ones do, or a bad network. */
async function proxying(
  consul: Consul,
  {
    cutAfter = Number.POSITIVE_INFINITY,
    missing = '',
    added = {},
  }: { cutAfter?: number; missing?: string; added?: Record<string, string> },
) {
  const server = createHttpServer((asked, answer) => {
    if (missing !== '' && asked.url?.startsWith(missing)) return void answer.writeHead(404).end();
    const { method = 'GET', url = '/', headers } = asked;
    const passed = request({ ...consul.endpoint, method, path: url, headers }, (found) => {
      answer.writeHead(found.statusCode ?? 500, { ...found.headers, ...added });
      let rest = cutAfter;
      found.on('data', (piece: Buffer) => {
        if (piece.length >= rest) answer.write(piece.subarray(0, rest), () => answer.socket?.destroy());
        else answer.write(piece);
        rest -= piece.length;
      });
      found.on('end', () => rest > 0 && answer.end());
    });
    asked.pipe(passed);
  });
  return served(server, () => server.closeAllConnections());
}

async function served(server: Server, cut: () => void) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('one server', () => {
  let consul: Consul;
  let roots = 0;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul[Symbol.asyncDispose]());

  const open = (root: string, address: Partial<ConsulAddress> = {}) =>
    openConsul({ ...consul.address, root: Buffer.from(root), ...address });

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
          const found = (await stored(consul, root)).get(Buffer.from(key).toString());
          return found && Buffer.from(found.value, 'base64');
        },
        [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
      };
    },
  });

  test('keys that no path of a URL can carry come and go as they are, in the order of their bytes', async () => {
    await using service = open('');
    const names = [
      '//x',
      '/lead',
      '..',
      '../up',
      './x',
      'h',
      'h/',
      'h/b',
      'h//',
      'h!',
      'h/%2F%25',
      ' h ',
      'h\n',
      'h\0z',
    ];
    const more = ['h\0', 'h/ä日🌳', 'h/\u{fffd}', 'h/\\u003c<&>\u2028"\\', `h/${'n'.repeat(300)}`, 'h?a=b#c'];
    const nodes = [...names, ...more].map((name) => node(name, name));
    const outcomes = await service.create(nodes);
    expect(outcomes).toEqual(nodes.map(() => ({ status: 'created' })));

    const found = (await readAll(service)).nodes.filter(({ key }) => !latin1(key).startsWith('contract'));
    expect(found.map(({ key }) => Buffer.from(key).toString())).toEqual(
      nodes
        .map(({ key }) => Buffer.from(key))
        .sort(Buffer.compare)
        .map(String),
    );
    for (const { key, value } of found) expect(Buffer.from(value ?? []).toString()).toBe(Buffer.from(key).toString());
    const exported: { key: string; value: string }[] = JSON.parse(await consul.ctl('kv', 'export', ''));
    for (const { key } of nodes) {
      const name = Buffer.from(key).toString();
      expect(exported.find((entry) => entry.key === name)?.value).toBe(Buffer.from(key).toString('base64'));
    }
    await consul.api('DELETE', 'kv/?recurse');
  });

  test('a root is the key of that name and what is below it; with a slash at its end only the latter', async () => {
    await using all = open('');
    await all.create(['r/app', 'r/app/', 'r/app/x', 'r/apple', 'r/app0', 'r/ap'].map((key) => node(key, '1')));
    await using withKey = open('r/app');
    await using below = open('r/app/');
    expect(await readKeys(withKey)).toEqual(['r/app', 'r/app/', 'r/app/x']);
    expect(await readKeys(below)).toEqual(['r/app/', 'r/app/x']);
    expect(below.refuse(node('r/app', '1'))).toBe('it is not below the root r/app/');
    expect(withKey.refuse(node('r/apple', '1'))).toBe('it is not below the root r/app');
  });

  test('a root that no path can carry is narrowed to by reading more', async () => {
    await using all = open('');
    await all.create(['//odd/a', '//odd/../b', '//even', '/o', 'odd'].map((key) => node(key, '1')));
    await using odd = open('//odd');
    await using up = open('//odd/../');
    expect(await readKeys(odd)).toEqual(['//odd/../b', '//odd/a']);
    expect(await readKeys(up)).toEqual(['//odd/../b']);
    await consul.api('DELETE', 'kv/?recurse');
  });

  test('prefixes narrow what is asked for, wherever they end', async () => {
    await using service = open('p');
    await service.create(['p', 'p/ä', 'p/ö', 'p/öx', 'p/z'].map((key) => node(key, '1')));
    expect(await readKeys(service, ['p/öx'])).toEqual(['p/öx']);
    expect(await readKeys(service, ['p/ö', 'p/öx'])).toEqual(['p/ö', 'p/öx']);
    expect(await readKeys(service, ['p/ä', 'p/z'])).toEqual(expect.arrayContaining(['p/ä', 'p/z']));
    expect(await readKeys(service, ['elsewhere'])).not.toContain('elsewhere');
    expect(await readKeys(service, [Buffer.from('p/ö').subarray(0, 3)])).toEqual(
      expect.arrayContaining(['p/ä', 'p/öx']),
    );
  });

  test.each(['1', '3304740253564472344', '18446744073709551615'])('flags of %s, to the last bit', async (flags) => {
    await using service = open(`flags${flags}/`);
    const [small, large] = [
      node(`flags${flags}/a`, '1', { flags }),
      node(`flags${flags}/b`, Buffer.alloc(limit), { flags }),
    ];
    expect(await service.create([small, large])).toEqual([{ status: 'created' }, { status: 'created' }]);
    const { nodes } = await readAll(service);
    expect(nodes.map(({ attributes }) => attributes)).toEqual([{ flags }, { flags }]);
    expect(await consul.ctl('kv', 'export', `flags${flags}/`)).toContain(`"flags": ${flags},`);
    expect(await service.create([small, { ...large, attributes: undefined }])).toEqual([
      { status: 'exists', same: true },
      { status: 'exists', same: false },
    ]);
  });

  test('what Consul cannot hold is refused before it is asked', async () => {
    await using service = open('');
    expect(service.refuse(node('', '1'))).toMatch(/empty key/);
    expect(service.refuse({ ...node('a', '1'), value: null })).toMatch(/without a value/);
    expect(service.refuse({ ...node('a', '1'), key: Buffer.from('a\xff', 'latin1') })).toMatch(/UTF-8/);
    expect(service.refuse(node('a', '1', { mode: '0644' }))).toMatch(/attribute mode/);
    expect(service.refuse(node('a', '1', { flags: '18446744073709551616' }))).toMatch(/64 bits/);
    expect(service.refuse(node('a', '1', { flags: 1 }))).toMatch(/64 bits/);
    expect(() => openConsul({ ...consul.address, root: Buffer.from('\xff', 'latin1') })).toThrow('not UTF-8');
  });

  test('a value that the server does not take fails alone', async () => {
    await using service = open('large/');
    const large = Buffer.alloc(limit + 1);
    const path = 'large//only-in-a-transaction';
    const outcomes = await service.create([
      node('large/a', '1'),
      node('large/b', large),
      node(path, large.subarray(1)),
      node('large/c', '3'),
    ]);
    expect(outcomes).toEqual([
      { status: 'created' },
      { status: 'failed', reason: expect.stringMatching(/^request body.* too large, max size: 524288 bytes$/) },
      { status: 'failed', reason: expect.stringMatching(/too large.*can only be created in a transaction/) },
      { status: 'created' },
    ]);
    expect(await service.create([node(path, large.subarray(0, 370_000))])).toEqual([{ status: 'created' }]);
  });

  test('a key whose lock a session holds belongs to a client', async () => {
    const { ID }: { ID: string } = JSON.parse(await consul.api('PUT', 'session/create', '{"LockDelay":"0s"}'));
    await consul.api('PUT', `kv/locked/a?acquire=${ID}`, '1');
    await consul.api('PUT', 'kv/locked/b', '1');
    await using service = open('locked/');
    expect((await readAll(service)).nodes.map(({ ephemeral }) => ephemeral)).toEqual([{ session: ID }, undefined]);
  });

  test('a key that is not UTF-8 is unreadable, and one with U+FFFD in it is not', async () => {
    await consul.api('PUT', 'kv/utf/%FFz', '1');
    await consul.api('PUT', 'kv/utf/%EF%BF%BDz', '2');
    await using service = open('utf/');
    const { nodes, unreadable } = await readAll(service);
    expect(nodes.map(({ key }) => Buffer.from(key).toString())).toEqual(['utf/\u{fffd}z']);
    expect(unreadable).toMatchObject([{ key: Buffer.from('utf/\xffz', 'latin1'), subtree: false }]);
  });

  test('a read is of one moment, and its revision is the index of Consul', async () => {
    await using service = open('moment/');
    await service.create(
      Array.from({ length: 3_000 }, (_, index) => node(`moment/${String(index).padStart(5, '0')}`, 'x'.repeat(2_000))),
    );
    let seen = 0;
    let end: Reading | undefined;
    for await (const event of service.read()) {
      if (event.type === 'end') end = event;
      else {
        if (seen === 0) await consul.api('DELETE', 'kv/moment/?recurse');
        seen += event.nodes.length;
      }
    }
    expect(seen).toBe(3_000);
    expect(end).toMatchObject({ consistency: 'exact', revision: expect.stringMatching(/^\d+$/) });
    const later = await readAll(service);
    expect(later.nodes).toEqual([]);
    expect(BigInt(later.end?.revision ?? 0)).toBeGreaterThan(BigInt(end?.revision ?? 0));
  });

  test('what existed has the same bytes and the same index afterwards, whoever else writes', async () => {
    await using service = open('prop');
    await using rival = open('prop');
    const keys = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 200 });
    const values = fc.uint8Array({ maxLength: 40 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(keys, keys, fc.infiniteStream(values), async (existing, wanted, contents) => {
        const base = `prop/${round++}/`;
        const make = (numbers: number[]) =>
          numbers.map((number) => node(`${base}${number}`, contents.next().value ?? new Uint8Array()));
        await service.create(make(existing));
        const before = await stored(consul, base);

        const nodes = make(wanted);
        const [mine, theirs] = await Promise.all([service.create(nodes), rival.create(make(wanted.toReversed()))]);
        const after = await stored(consul, base);
        for (const [key, entry] of before) expect(after.get(key)).toEqual(entry);
        for (const [index, { key, value }] of nodes.entries()) {
          const same = after.get(latin1(key))?.value === Buffer.from(value ?? []).toString('base64');
          if (mine[index]?.status === 'created') expect(same).toBe(true);
          else expect(mine[index]).toEqual({ status: 'exists', same });
        }
        const created = [...mine, ...theirs].filter(({ status }) => status === 'created').length;
        expect(created).toBe(after.size - before.size);
      }),
      { numRuns: 25 },
    );
  });

  test('a consul that does not answer is told within the timeout', async () => {
    await using service = open('', { timeout: 700 });
    consul.server.pause();
    const start = Date.now();
    try {
      await expect(readKeys(service)).rejects.toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining('did not answer within 0.7 s'),
      });
      await expect(service.create([node('x', '1')])).rejects.toMatchObject({ code: 'unreachable' });
      await expect(service.create([node('x', Buffer.alloc(limit))])).rejects.toMatchObject({ code: 'unreachable' });
      await expect(service.identity()).rejects.toMatchObject({ code: 'unreachable' });
    } finally {
      consul.server.resume();
    }
    expect(Date.now() - start).toBeLessThan(6_000);
  });

  test('an answer that is cut off is no answer, for a read and for a restore', async () => {
    await using service = open('cut/');
    await service.create([node('cut/a', 'x'.repeat(200_000)), node('cut/b', '2')]);
    for (const cutAfter of [1, 100, 250_000]) {
      await using proxy = await proxying(consul, { cutAfter });
      await using through = open('cut/', { endpoints: [{ host: '127.0.0.1', port: proxy.port }], timeout: 700 });
      await expect(readKeys(through)).rejects.toMatchObject({ code: 'unreachable' });
      await expect(through.create([node('cut/a', 'other'), node('cut/c', '3')])).rejects.toMatchObject({
        code: 'unreachable',
      });
    }
  });

  test('a consul that says that it left something out is believed', async () => {
    await using service = open('seen/');
    await service.create([node('seen/a', '1')]);
    await using proxy = await proxying(consul, { added: { 'X-Consul-Results-Filtered-By-ACLs': 'true' } });
    const endpoints = [{ host: '127.0.0.1', port: proxy.port }];
    await using part = open('seen/', { endpoints });
    expect((await readAll(part)).hidden).toBe('the token does not allow to read some of the keys');
    await using nothing = open('unseen/', { endpoints });
    await expect(readKeys(nothing)).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('a consul without a leader is not believed', async () => {
    await using proxy = await proxying(consul, { added: { 'x-consul-knownleader': 'false' } });
    await using service = open('', { endpoints: [{ host: '127.0.0.1', port: proxy.port }] });
    await expect(readKeys(service)).rejects.toMatchObject({ message: expect.stringContaining('has no leader') });
  });

  test('an endpoint that is gone costs a moment, and the other one is asked', async () => {
    await using silent = await listening(() => {});
    const endpoints = [{ host: '127.0.0.1', port: 1 }, { host: '127.0.0.1', port: silent.port }, consul.endpoint];
    await using service = open('over/', { endpoints, timeout: 500 });
    expect(await service.create([node('over/a', '1')])).toEqual([{ status: 'created' }]);
    expect(await readKeys(service)).toEqual(['over/a']);
  });

  test('TLS to a port without', async () => {
    await using secure = open('', { tls: {} });
    await expect(readKeys(secure)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('does not speak TLS'),
    });
  });

  test('over a unix socket', async () => {
    await using service = open('sock', { endpoints: [{ host: consul.socket, port: 0 }] });
    expect(await service.create([node('sock/a', '1')])).toEqual([{ status: 'created' }]);
    expect(await service.create([node('sock/b', 'x'.repeat(400_000))])).toEqual([{ status: 'created' }]);
    expect(await readKeys(service)).toEqual(['sock/a', 'sock/b']);
    expect((await service.identity()).source).toBe(`consul://${encodeURIComponent(consul.socket)}/sock`);
  });

  test('identity is that of the datacenter', async () => {
    await using service = open('app/x y');
    expect(await service.identity()).toEqual({
      version: /Consul v(\S+)/.exec(await consul.ctl('version'))?.[1],
      source: `consul://127.0.0.1:${consul.endpoint.port}/app/x%20y`,
      cluster: 'dc1',
    });
    await using named = open('', { datacenter: 'dc1' });
    expect(await named.identity()).toMatchObject({ cluster: 'dc1' });
    await named.create([node('dc', '1')]);
    expect(await readKeys(named, ['dc'])).toEqual(['dc']);
  });

  test('a datacenter that is not there, and a namespace where there are none', async () => {
    await using elsewhere = open('', { datacenter: 'dc7' });
    await expect(readKeys(elsewhere)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('knows no way to that datacenter'),
    });
    await expect(elsewhere.create([node('x', '1')])).rejects.toMatchObject({ code: 'unreachable' });
    await using team = open('', { namespace: 'team' });
    await expect(readKeys(team)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('Enterprise'),
    });
  });
});

describe('limits and tokens', () => {
  test('a server that takes smaller requests gets smaller ones', async () => {
    await using consul = await startConsul({ config: { limits: { txn_max_req_len: 20_000 } } });
    await using service = openConsul(consul.address);
    const nodes = Array.from({ length: 100 }, (_, index) => node(`t/${index}`, 'x'.repeat(index * 300)));
    expect(new Set((await service.create(nodes)).map(({ status }) => status))).toEqual(new Set(['created']));
    expect((await stored(consul, 't/')).size).toBe(100);
  });

  test('a token sees what it may, and what it may not see is not taken for gone', async () => {
    await using consul = await startConsul({ acl: true });
    const { token: _, ...withoutToken } = consul.address;
    const open = (root: string, token?: string) =>
      openConsul({ ...withoutToken, root: Buffer.from(root), ...(token !== undefined && { token }) });
    const unreachable = (fact: string) => ({ code: 'unreachable', message: expect.stringContaining(fact) });
    await using master = openConsul(consul.address);

    // A consul before version 1.8 says nothing about rights; one in front of which nobody says anything is as good.
    await using silent = await proxying(consul, { missing: '/v1/internal/' });
    const endpoints = [{ host: '127.0.0.1', port: silent.port }];
    await using unsure = openConsul({ ...consul.address, endpoints });
    expect(await readKeys(unsure)).toEqual([]);
    await using nobody = openConsul({ ...withoutToken, endpoints });
    await expect(readKeys(nobody)).rejects.toMatchObject(unreachable(''));

    await master.create(['app', 'app/x', 'app/y', 'other'].map((key) => node(key, '1')));
    expect(await master.identity()).toMatchObject({ cluster: 'dc1', version: expect.any(String) });
    expect((await readAll(master)).hidden).toBeUndefined();

    const limited = await consul.limitedToken('key_prefix "app/" { policy = "write" }');
    await using own = open('app/', limited);
    expect((await readAll(own)).hidden).toBeUndefined();
    expect(await readKeys(own)).toEqual(['app/x', 'app/y']);
    expect(await own.identity()).toMatchObject({ cluster: 'dc1', version: undefined });

    await using whole = open('', limited);
    const { nodes, hidden } = await readAll(whole);
    expect(nodes.length).toBe(2);
    expect(hidden).toBe('the token does not allow to read all keys');
    expect((await readAll(whole, ['app/'])).hidden).toBeUndefined();
    expect(await whole.create([node('app/z', '1'), node('no', '1'), node('other', '1')])).toEqual([
      { status: 'created' },
      { status: 'failed', reason: 'permission denied' },
      { status: 'failed', reason: 'permission denied' },
    ]);

    await using withKey = open('app', limited);
    const found = await readAll(withKey);
    expect(found.unreadable).toMatchObject([{ key: Buffer.from('app'), subtree: false }]);
    expect(found.hidden).toBeUndefined();

    const writer = await consul.limitedToken('key "app/x" { policy = "deny" } key_prefix "" { policy = "write" }');
    await using partial = open('app/', writer);
    expect(await readKeys(partial)).toEqual(['app/y', 'app/z']);

    await using blind = open('other', limited);
    await expect(readKeys(blind)).rejects.toMatchObject(unreachable('does not allow to read'));
    await using anonymous = open('');
    await expect(readKeys(anonymous)).rejects.toMatchObject(unreachable('does not allow to read all keys'));
    await using wrong = open('', 'cccccccc-0000-0000-0000-000000000001');
    for (const attempt of [() => readKeys(wrong), () => wrong.create([node('x', '1')]), () => wrong.identity()])
      await expect(attempt()).rejects.toMatchObject(unreachable('does not know the token'));
    await expect(readKeys(wrong)).rejects.not.toMatchObject({ message: expect.stringContaining('cccccccc') });
  });
});

describe('connections', () => {
  const reading = async (address: ConsulAddress) => {
    await using service = openConsul(address);
    return await readKeys(service);
  };
  const refused = (fact: string) =>
    expect.objectContaining({ code: 'unreachable', message: expect.stringContaining(fact), hint: expect.anything() });
  const at = (port: number): ConsulAddress => ({
    endpoints: [{ host: '127.0.0.1', port }],
    root: new Uint8Array(),
    timeout: 700,
  });

  test('over TLS, and what can be wrong with it', async () => {
    await using consul = await startConsul({ tls: true });
    const { address, certificates } = consul;
    expect(await reading(address)).toEqual([]);
    await using service = openConsul(address);
    expect(await service.create([node('a', '1'), node('b', Buffer.alloc(limit))])).toEqual([
      { status: 'created' },
      { status: 'created' },
    ]);
    expect(await service.identity()).toMatchObject({ source: `consul+tls://127.0.0.1:${consul.endpoint.port}` });
    const untrusted = refused('authority that is not trusted');
    await expect(reading({ ...address, tls: { ca: certificates?.otherCa.cert as Buffer } })).rejects.toThrow(untrusted);
    await expect(reading({ ...address, tls: {} })).rejects.toThrow(untrusted);
    await expect(reading({ ...address, tls: undefined })).rejects.toThrow(refused('wants TLS'));
    await expect(reading({ ...address, tls: { ...address.tls, serverName: 'other.example' } })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('certificate for another name'),
    });
    const noPem = { ...address, tls: { ca: Buffer.from('x'), cert: Buffer.from('x'), key: Buffer.from('x') } };
    expect(() => openConsul(noPem)).toThrow('TLS files cannot be used');
  });

  test('with a client certificate, and without', async () => {
    await using consul = await startConsul({ clientCert: true });
    const { address, certificates } = consul;
    const { cert, key } = certificates?.client ?? {};
    if (!cert || !key) throw new Error('no client certificate was made');
    await using service = openConsul({ ...address, tls: { ...address.tls, cert, key } });
    expect(await service.create([node('a', '1')])).toEqual([{ status: 'created' }]);
    expect(await readKeys(service)).toEqual(['a']);
    await expect(reading(address)).rejects.toThrow(refused('wants a client certificate'));
  });

  test('an expired certificate', async () => {
    await using consul = await startConsul({ expired: true });
    await expect(reading(consul.address)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('has expired'),
    });
  });

  test('nobody there', async () => {
    await expect(reading(at(1))).rejects.toThrow(refused('refuses the connection'));
    const noName = { ...at(1), endpoints: [{ host: 'no-such-host.invalid', port: 1 }] };
    await expect(reading(noName)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('cannot be resolved'),
    });
  });

  const page = '<html><body>It works!</body></html>';
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n';
  test.each([
    ['a web server', `${head}content-length: ${page.length}\r\n\r\n${page}`, 'does not answer as a consul does'],
    ['a web server that has no such page', 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n', 'does not answer'],
    ['a page without an end', `${head}\r\n${page}`, 'did not answer within 0.7 s'],
    ['a page that is cut off', `${head}content-length: 5000\r\n\r\n${page}`, ''],
    ['an SSH server', 'SSH-2.0-OpenSSH_9.2\r\n', 'does not answer as a consul does'],
    [
      'a server that says {} to everything',
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
      'does not answer',
    ],
    ['somebody who says nothing', '', 'did not answer within 0.7 s'],
  ])('%s', async (_who, greeting, fact) => {
    await using server = await listening((socket) => socket.on('data', () => socket.write(greeting)));
    await expect(reading(at(server.port))).rejects.toThrow(refused(fact));
    await using service = openConsul(at(server.port));
    await Promise.all([
      expect(service.create([node('a', '1')])).rejects.toMatchObject({ code: 'unreachable' }),
      expect(service.identity()).rejects.toMatchObject({ code: 'unreachable' }),
    ]);
  });
});
