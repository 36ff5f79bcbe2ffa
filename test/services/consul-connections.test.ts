import { expect, test } from 'vitest';
import type { ConsulAddress } from '../../src/services/consul/client.ts';
import { openConsul } from '../../src/services/consul.ts';
import { describeWith } from '../servers/binaries.ts';
import { startConsul } from '../servers/consul.ts';
import { limit, listening, node, proxying, readAll, readKeys, stored } from './consul-nodes.ts';

const describe = describeWith('consul');

describe('limits and tokens', () => {
  test('a server that takes smaller requests gets smaller ones', async () => {
    await using consul = await startConsul({ config: { limits: { txn_max_req_len: 20_000 } } });
    await using service = openConsul(consul.address);
    const nodes = Array.from({ length: 100 }, (_, index) => node(`t/${index}`, 'x'.repeat(index * 300)));
    expect(new Set((await service.create(nodes)).map(({ status }) => status))).toEqual(new Set(['created']));
    expect((await stored(consul, 't/')).size).toBe(100);
  });

  test.each([
    [400, "Invalid key in transaction: invalid key name, must not begin with a '/'"],
    [500, 'invalid key name, keys should respect the "^[a-zA-Z0-9,_./\\-?&=]+$" format.'],
  ])('a key that a newer server refuses with %d costs that key alone', async (status, answer) => {
    await using consul = await startConsul();
    await using newer = await proxying(consul, { unwanted: { key: '/k/37', status, answer } });
    await using service = openConsul({ ...consul.address, endpoints: [{ host: '127.0.0.1', port: newer.port }] });
    const nodes = Array.from({ length: 100 }, (_, index) => node(`/k/${index}`, '1'));
    const outcomes = await service.create(nodes);
    expect(outcomes[37]).toMatchObject({ status: 'failed', reason: expect.stringContaining('invalid key') });
    expect(outcomes.filter(({ status }) => status === 'created')).toHaveLength(99);
    expect((await stored(consul, '')).size).toBe(99);
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
    expect(await readAll(unsure)).toMatchObject({ nodes: [], hidden: expect.stringContaining('does not say') });
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
