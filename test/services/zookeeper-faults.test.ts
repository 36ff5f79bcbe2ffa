import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { digestId } from '../../src/services/zookeeper/acl.ts';
import type { ZookeeperAddress } from '../../src/services/zookeeper/session.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { describeWith } from '../servers/binaries.ts';
import { startProxy } from '../servers/proxy.ts';
import { hasZookeeper, startZookeeper, superUser } from '../servers/zookeeper.ts';
import { acl, node, readAll } from './zookeeper-nodes.ts';

const describe = describeWith('java', ...(hasZookeeper() ? [] : ['zookeeper.jar']));

describe('a server that goes away', () => {
  const nodes = Array.from({ length: 3_000 }, (_, index) => node(`/n${index}`, 'x'.repeat(1_000)));

  test('and comes back within the timeout costs nothing but the time', async () => {
    await using zookeeper = await startZookeeper();
    await using service = openZookeeper({ ...zookeeper.address, timeout: 20_000 });
    await service.create(nodes.slice(0, 1));
    const creating = service.create(nodes.slice(1));
    await zookeeper.server.kill();
    await zookeeper.restart();
    expect((await creating).filter(({ status }) => status !== 'created')).toEqual([]);

    let restarted: Promise<void> | undefined;
    await using proxy = await startProxy(zookeeper.endpoint, 300_000, () => {
      restarted = zookeeper.server.kill().then(zookeeper.restart);
    });
    await using behind = openZookeeper({ ...zookeeper.address, endpoints: [proxy.endpoint], timeout: 20_000 });
    expect((await readAll(behind)).nodes.size).toBe(3_001);
    await restarted;
    expect(restarted).toBeDefined();
  });

  test('a connection that breaks in the middle of a read is made again', async () => {
    await using zookeeper = await startZookeeper();
    await using service = openZookeeper(zookeeper.address);
    await service.create(nodes);
    let cuts = 0;
    await using proxy = await startProxy(zookeeper.endpoint, 1_000_000, (one) => {
      cuts += 1;
      one.cut();
    });
    await using behind = openZookeeper({ ...zookeeper.address, endpoints: [proxy.endpoint] });
    expect((await readAll(behind)).nodes.size).toBe(3_001);
    expect(cuts).toBe(1);
  });

  test('whose connections all break in the middle of an answer is given up, without a storm of them', async () => {
    await using zookeeper = await startZookeeper();
    await using service = openZookeeper(zookeeper.address);
    await service.create(nodes);
    let connections = 0;
    const server = createServer((client) => {
      connections += 1;
      let left = 20_000;
      const upstream = connect(zookeeper.endpoint, () => client.pipe(upstream));
      for (const one of [client, upstream]) one.on('error', () => {});
      client.once('close', () => upstream.destroy());
      upstream.on('data', (chunk) => {
        if (left === 0) return;
        const part = chunk.subarray(0, left);
        left -= part.length;
        client.write(part);
        if (left === 0) client.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await using behind = openZookeeper({
      ...zookeeper.address,
      endpoints: [{ host: '127.0.0.1', port }],
      timeout: 1_000,
    });
    await expect(readAll(behind)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('closed the connection'),
    });
    expect(connections).toBeGreaterThan(2);
    expect(connections).toBeLessThan(30);
    server.close();
  });

  test('for good makes no snapshot', async () => {
    await using zookeeper = await startZookeeper();
    await using service = openZookeeper(zookeeper.address);
    await service.create(nodes);
    await using proxy = await startProxy(zookeeper.endpoint, 300_000, () => void zookeeper.server.kill());
    await using behind = openZookeeper({ ...zookeeper.address, endpoints: [proxy.endpoint], timeout: 1_000 });
    await expect(readAll(behind)).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('before a restore fails it once, however many requests are under way', async () => {
    await using service = openZookeeper({
      endpoints: [{ host: '127.0.0.1', port: 1 }],
      root: new Uint8Array(),
      timeout: 1_000,
    });
    await expect(service.create(nodes)).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('where there is another one, that one is asked', async () => {
    await using zookeeper = await startZookeeper();
    const endpoints = [{ host: '127.0.0.1', port: 1 }, zookeeper.endpoint];
    await using service = openZookeeper({ ...zookeeper.address, endpoints });
    expect((await readAll(service)).nodes.size).toBe(1);
  });
});

describe('connections', () => {
  const reading = async (address: ZookeeperAddress) => {
    await using service = openZookeeper(address);
    return [...(await readAll(service)).nodes.keys()];
  };
  const refused = (fact: string) => ({ code: 'unreachable', message: expect.stringContaining(fact) });
  const at = (port: number): ZookeeperAddress => ({
    endpoints: [{ host: '127.0.0.1', port }],
    root: new Uint8Array(),
    timeout: 1_500,
  });

  test('over TLS, and what can be wrong with it', async () => {
    await using zookeeper = await startZookeeper({ tls: true });
    const { address, certificates } = zookeeper;
    expect(await reading(address)).toEqual(['/']);
    await using service = openZookeeper(address);
    expect(await service.identity()).toMatchObject({ version: expect.stringMatching(/^3\./) });
    const untrusted = refused('authority that is not trusted');
    await expect(reading({ ...address, tls: { ca: certificates?.otherCa.cert as Buffer } })).rejects.toMatchObject(
      untrusted,
    );
    await expect(reading({ ...address, tls: {} })).rejects.toMatchObject(untrusted);
    await expect(reading({ ...address, tls: undefined, timeout: 1_500 })).rejects.toMatchObject({
      ...refused('closed the connection'),
      hint: expect.stringContaining('zookeeper+tls://'),
    });
  });

  test('with a client certificate, and without; the name in it can be given rights', async () => {
    await using zookeeper = await startZookeeper({ clientCert: true });
    const { address, certificates } = zookeeper;
    const { cert, key } = certificates?.client ?? {};
    if (!cert || !key) throw new Error('no client certificate was made');
    const known = { ...address, tls: { ...address.tls, cert, key } };
    await using service = openZookeeper(known);
    const own = acl('x509:CN=root:cdrwa');
    expect(await service.create([node('/own', '1', own), node('/own/below', '2', own)])).toEqual([
      { status: 'created' },
      { status: 'created' },
    ]);
    expect((await readAll(service)).nodes.get('/own/below')?.attributes).toEqual(own);
    await expect(reading({ ...address, timeout: 1_500 })).rejects.toMatchObject(refused('client certificate'));
  });

  test('an expired certificate', async () => {
    await using zookeeper = await startZookeeper({ expired: true });
    await expect(reading(zookeeper.address)).rejects.toMatchObject(refused('has expired'));
  });

  test('TLS to a port without', async () => {
    await using zookeeper = await startZookeeper();
    await expect(reading({ ...zookeeper.address, tls: {}, timeout: 1_500 })).rejects.toMatchObject(
      refused('does not speak TLS'),
    );
  });

  test('nobody there', async () => {
    await expect(reading(at(1))).rejects.toMatchObject(refused('refuses the connection'));
    const noName = { ...at(1), endpoints: [{ host: 'no-such-host.invalid', port: 1 }] };
    await expect(reading(noName)).rejects.toMatchObject(refused('cannot be resolved'));
  });

  test.each([
    ['a web server', 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n', 'does not answer as a ZooKeeper does'],
    ['an SSH server', 'SSH-2.0-OpenSSH_9.2\r\n', 'does not answer as a ZooKeeper does'],
    ['somebody whose answer is larger than memory', '\x11\0\0\0', 'does not answer as a ZooKeeper does'],
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

  test('somebody who begins no session', async () => {
    let connections = 0;
    // A version, a timeout of 0, an id and a password: what a server answers to a session that it does not know.
    const refusal = Buffer.alloc(4 + 36);
    refusal.writeInt32BE(36, 0);
    refusal.writeInt32BE(16, 20);
    const server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => {}).once('data', () => socket.write(refusal));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await expect(reading(at(port))).rejects.toMatchObject(refused('the session has expired'));
    expect(connections).toBe(1);
    server.close();
  });

  test('whom no ACL stops restores everything', async () => {
    await using zookeeper = await startZookeeper();
    await using service = openZookeeper({ ...zookeeper.address, ...superUser });
    const closed = acl(`digest:${digestId('alice', 'secret')}:r`);
    const tree = [node('/a', null, closed), node('/a/b', 'x', closed), node('/a/b/c', 'y', closed)];
    expect((await service.create(tree)).every(({ status }) => status === 'created')).toBe(true);
    const { nodes } = await readAll(service);
    for (const { key, attributes } of tree) expect(nodes.get(latin1(key))?.attributes).toEqual(attributes);
  });
});
