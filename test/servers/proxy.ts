import { connect, createServer, type Socket } from 'node:net';
import type { Endpoint } from '../../src/services/address.ts';

/** A relay in front of a server, to do something to it in the middle of an answer. */
export interface Proxy extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** How many bytes of answers went through so far. */
  readonly answered: number;
  /** Lets nothing more through, without closing a connection: what a server has sent may wait in many buffers. */
  stall(): void;
  /** Ends all connections through it, in the middle of whatever is being said. */
  cut(): void;
  /** The same, and lets nobody in again until `unblock`. */
  block(): void;
  unblock(): void;
}

/** Calls `onAnswer` once, when so many bytes of answers have gone through. */
export async function startProxy(target: Endpoint, bytes: number, onAnswer: (proxy: Proxy) => void): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let answered = 0;
  let isStalled = false;
  let isBlocked = false;
  const server = createServer((client) => {
    if (isBlocked) return void client.destroy();
    const upstream = connect(target);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      if (isStalled) return;
      // Cut at the very byte: the last answers often come in one chunk, and would otherwise all be through.
      const before = chunk.subarray(0, Math.max(0, bytes - answered));
      const isBefore = answered < bytes;
      answered += chunk.length;
      client.write(before);
      if (isBefore && answered >= bytes) onAnswer(proxy);
      if (!isStalled && !client.destroyed) client.write(chunk.subarray(before.length));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const proxy: Proxy = {
    endpoint: { host: '127.0.0.1', port: (server.address() as { port: number }).port },
    get answered() {
      return answered;
    },
    stall() {
      isStalled = true;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    block() {
      isBlocked = true;
      proxy.cut();
    },
    unblock() {
      isBlocked = false;
    },
    async [Symbol.asyncDispose]() {
      proxy.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
