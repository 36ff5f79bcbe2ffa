import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { EtcdAddress } from '../../src/services/etcd/client.ts';
import { openEtcd } from '../../src/services/etcd.ts';
import { describeWith } from '../servers/binaries.ts';
import { startEtcd } from '../servers/etcd.ts';
import { node, readKeys, stored } from './etcd-nodes.ts';

const describe = describeWith('etcd', 'etcdctl');

describe('limits and users', () => {
  test('a server that takes fewer operations in a transaction gets fewer', async () => {
    await using etcd = await startEtcd({ args: ['--max-txn-ops', '10'] });
    await using service = openEtcd(etcd.address);
    const nodes = Array.from({ length: 300 }, (_, index) => node(`/t/${index}`, '1'));
    await service.create(nodes.slice(0, 150));
    const outcomes = await service.create(nodes);
    expect(outcomes.filter(({ status }) => status === 'created').length).toBe(150);
    expect((await stored(etcd, '/t/')).size).toBe(300);
  });

  test('users', async () => {
    await using etcd = await startEtcd();
    await etcd.ctl('put', '/app', 'root of app');
    await etcd.ctl('put', '/app/x', '1');
    await etcd.ctl('put', '/other', '1');
    await etcd.enableAuth();
    const open = (root: string, access: Partial<EtcdAddress>) =>
      openEtcd({ ...etcd.address, root: Buffer.from(root), ...access });
    const bob = { user: 'bob', password: 'bobpw' };

    await using everything = open('', { user: 'root', password: 'rootpw' });
    expect(await readKeys(everything)).toEqual(['/app', '/app/x', '/other']);

    await using own = open('/app/', bob);
    expect(await readKeys(own)).toEqual(['/app/x']);
    expect(await own.create([node('/app/y', '1')])).toEqual([{ status: 'created' }]);
    expect(await own.identity()).toMatchObject({ version: expect.stringMatching(/^3\./) });

    await using tooMuch = open('', bob);
    await expect(readKeys(tooMuch)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('does not let the user bob read'),
    });
    expect(await readKeys(tooMuch, [Buffer.from('/app/')])).toEqual(['/app/x', '/app/y']);
    expect(await tooMuch.create([node('/app/z', '1'), node('/no', '1')])).toEqual([
      { status: 'created' },
      { status: 'failed', reason: 'permission denied' },
    ]);

    await using withNode = open('/app', bob);
    const events = [];
    for await (const event of withNode.read()) events.push(event);
    expect(events[0]).toMatchObject({ unreadable: [{ key: Buffer.from('/app'), subtree: false }] });

    await using wrong = open('', { user: 'bob', password: 'hunter2' });
    await expect(readKeys(wrong)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('does not accept the user or the password'),
    });
    await expect(readKeys(wrong)).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
    await using nobody = open('', {});
    await expect(readKeys(nobody)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('wants a user'),
    });
  });

  test('a token that the server forgot is asked for anew', async () => {
    await using etcd = await startEtcd({ args: ['--auth-token-ttl', '1'] });
    await etcd.ctl('put', '/app/x', '1');
    await etcd.enableAuth();
    await using service = openEtcd({ ...etcd.address, user: 'root', password: 'rootpw' });
    expect(await readKeys(service)).toEqual(['/app/x']);
    // The time is the server's own: a token lives for a second after its last use.
    await delay(2_500);
    expect(await readKeys(service)).toEqual(['/app/x']);
  });
});

describe('three nodes', () => {
  test('one that dies costs nothing but a moment', async () => {
    await using etcd = await startEtcd({ nodes: 3 });
    await using service = openEtcd({ ...etcd.address, timeout: 10_000 });
    await service.create([node('/a', '1')]);
    await etcd.servers[0]?.kill();
    expect(await readKeys(service)).toEqual(['/a']);
    expect(await service.create([node('/b', '1')])).toEqual([{ status: 'created' }]);
  });

  test('without a majority nothing is read', async () => {
    await using etcd = await startEtcd({ nodes: 3 });
    await using service = openEtcd({ ...etcd.address, timeout: 1_500 });
    await etcd.servers[0]?.kill();
    await etcd.servers[1]?.kill();
    await expect(readKeys(service)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('connections', () => {
  const reading = async (address: EtcdAddress) => {
    await using service = openEtcd(address);
    return await readKeys(service);
  };
  const refused = (fact: string) =>
    expect.objectContaining({ code: 'unreachable', message: expect.stringContaining(fact), hint: expect.anything() });
  const at = (port: number, more: Partial<EtcdAddress> = {}): EtcdAddress => ({
    endpoints: [{ host: '127.0.0.1', port }],
    root: new Uint8Array(),
    timeout: 1_500,
    ...more,
  });

  test('over TLS, and what can be wrong with it', async () => {
    await using etcd = await startEtcd({ tls: true });
    const { address, certificates } = etcd;
    expect(await reading(address)).toEqual([]);
    await expect(reading({ ...address, tls: { ca: certificates?.otherCa.cert as Buffer } })).rejects.toThrow(
      refused('authority that is not trusted'),
    );
    await expect(reading({ ...address, tls: {} })).rejects.toThrow(refused('authority that is not trusted'));
    await expect(reading({ ...address, tls: undefined, timeout: 1_500 })).rejects.toThrow(
      refused('does not answer as an etcd does'),
    );
  });

  test('with a client certificate, and without', async () => {
    await using etcd = await startEtcd({ clientCert: true });
    const { address, certificates } = etcd;
    const { cert, key } = certificates?.client ?? {};
    if (!cert || !key) throw new Error('no client certificate was made');
    expect(await reading({ ...address, tls: { ...address.tls, cert, key } })).toEqual([]);
    await expect(reading(address)).rejects.toThrow(refused('wants a client certificate'));
  });

  test('an expired certificate', async () => {
    await using etcd = await startEtcd({ expired: true });
    await expect(reading(etcd.address)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('has expired'),
    });
  });

  test('TLS to a port without', async () => {
    await using etcd = await startEtcd();
    await expect(reading({ ...etcd.address, tls: {} })).rejects.toThrow(refused('does not speak TLS'));
  });

  test('nobody there', async () => {
    await expect(reading(at(1))).rejects.toThrow(refused('refuses the connection'));
    const noName = { ...at(1), endpoints: [{ host: 'no-such-host.invalid', port: 1 }] };
    await expect(reading(noName)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('cannot be resolved'),
    });
  });

  test.each([
    ['a web server', 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'],
    ['an SSH server', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['somebody who says nothing', ''],
  ])('%s', async (_who, greeting) => {
    const server = createServer((socket) => socket.on('error', () => {}).write(greeting));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      await expect(reading(at(port))).rejects.toThrow(refused(''));
    } finally {
      server.close();
    }
  });
});
