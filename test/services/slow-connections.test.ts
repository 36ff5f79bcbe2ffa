import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { connect } from '../../src/operations/connect.ts';
import type { Endpoint } from '../../src/services/address.ts';
import { openConsul } from '../../src/services/consul.ts';
import { readVersion } from '../../src/services/zookeeper/identity.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { fill, node, type Store, storeKinds } from '../commands/stores.ts';
import { describeWith } from '../servers/binaries.ts';
import { startTrickle, trickling } from '../servers/trickle.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';

const describe = describeWith('etcd', 'etcdctl', 'consul', 'java', ...(hasZookeeper() ? [] : ['zookeeper.jar']));

const drop = 40;
const given = (fact: string | RegExp) => ({ code: 'unreachable', message: expect.stringMatching(fact) });

async function open(store: Store, endpoint: Endpoint, timeout: number) {
  return (await connect(store.url(endpoint), { config: undefined, environment: store.env, timeout })).service;
}

describe.each(storeKinds)('$kind', ({ start, key }) => {
  const tree = [
    node(key('t'), 'top'),
    ...Array.from({ length: 250 }, (_, at) => node(key(`t/${at}`), 'x'.repeat(1_000))),
  ];

  test.concurrent('a server that answers drop by drop is given up', async () => {
    await using store = await start();
    await fill(store, tree);
    // In the handshake, in a short answer and in the middle of the tree.
    for (const after of [0, 100, 50_000]) {
      await using slow = await startTrickle(store.endpoint, drop, after);
      await using service = await open(store, slow.endpoint, 500);
      const started = Date.now();
      await expect(readAll(service)).rejects.toMatchObject(given('did not answer within 0.5 s|too slow'));
      await expect(service.create(tree)).rejects.toMatchObject(given('did not answer within 0.5 s|too slow'));
      expect(Date.now() - started, `after ${after} bytes`).toBeLessThan(6_000);
    }
  });

  // As much for its timeout as a link of 64 kbit/s is for ten seconds.
  test.concurrent('a slow connection is waited for', async () => {
    await using store = await start();
    await fill(store, tree);
    await using slow = await startTrickle(store.endpoint, 80_000);
    await using service = await open(store, slow.endpoint, 1_000);
    const started = Date.now();
    expect(await readAll(service)).toBeGreaterThanOrEqual(tree.length);
    expect(Date.now() - started).toBeGreaterThan(2_000);
  });
});

async function readAll(service: Awaited<ReturnType<typeof open>>): Promise<number> {
  let count = 0;
  for await (const event of service.read()) if (event.type === 'batch') count += event.nodes.length;
  return count;
}

/** Answers the first request of each connection with this, at so many bytes a second. */
async function answering(answer: Buffer, bytesPerSecond: number) {
  const trickle = trickling(bytesPerSecond);
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => void trickle(socket, socket, answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    address: { endpoints: [{ host: '127.0.0.1', port }], root: new Uint8Array(), timeout: 500 },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

test('a short answer of consul has a deadline, however fast it comes', async () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n';
  await using endless = await answering(Buffer.from(head + ' '.repeat(1_000_000)), 20_000);
  await using service = openConsul(endless.address);
  await expect(service.identity()).rejects.toMatchObject(given('too slow to be waited for'));
});

test('a version that does not come to its end is left', async () => {
  await using endless = await answering(Buffer.alloc(10_000, 'Z'), drop);
  expect(await readVersion(endless.address)).toBeUndefined();
});

test('a server that begins sessions and answers nothing in them is given up', async () => {
  const session = Buffer.alloc(4 + 37);
  session.writeInt32BE(37);
  session.writeInt32BE(10_000, 8);
  session.writeInt32BE(1, 16);
  const server = createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', () => {
        socket.write(session);
        socket.once('data', () => socket.destroy());
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  try {
    await using service = openZookeeper({
      endpoints: [{ host: '127.0.0.1', port }],
      root: new Uint8Array(),
      timeout: 500,
    });
    await expect(readAll(service)).rejects.toMatchObject(given('closed the connection'));
  } finally {
    server.close();
  }
});
