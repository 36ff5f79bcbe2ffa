import { connect, createServer, type Socket } from 'node:net';
import type { Endpoint } from '../../src/services/address.ts';

/** A relay in front of a server, to do something to it in the middle of an answer. */
export interface Proxy extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Ends all connections through it, in the middle of whatever is being said. */
  cut(): void;
}

/** Calls `onAnswer` once, when so many bytes of answers have gone through. */
export async function startProxy(target: Endpoint, bytes: number, onAnswer: (proxy: Proxy) => void): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let left = bytes;
  const server = createServer((client) => {
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
      client.write(chunk);
      const isBefore = left > 0;
      left -= chunk.length;
      if (isBefore && left <= 0) onAnswer(proxy);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const proxy: Proxy = {
    endpoint: { host: '127.0.0.1', port: (server.address() as { port: number }).port },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      proxy.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
