import { connect, createServer, type Socket } from 'node:net';
import type { Endpoint } from '../../src/services/address.ts';

/** Something that stands in front of a server, with a connection to it for each of a client's. */
export interface Between extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Ends all connections through it. */
  cut(): void;
}

/** Calls `join` for each new pair of connections, to say what passes between them; where one of the two ends, both do. */
export async function startBetween(
  target: Endpoint,
  join: (client: Socket, upstream: Socket) => void,
): Promise<Between> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay().on('error', () => {});
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    join(client, upstream);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: { host: '127.0.0.1', port: (server.address() as { port: number }).port },
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
