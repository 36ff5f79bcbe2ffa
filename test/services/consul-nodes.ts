import { createServer as createHttpServer, request } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { ReadEvent, Reading, Service, Unreadable } from '../../src/services/service.ts';
import type { Attributes, Node } from '../../src/snapshot/node.ts';
import type { Consul } from '../servers/consul.ts';

export const limit = 512 * 1024;

export const node = (key: string, value: string | Uint8Array, attributes?: Attributes): Node => ({
  key: Buffer.from(key),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  attributes,
  ephemeral: undefined,
});

export interface Result {
  readonly nodes: readonly Node[];
  readonly unreadable: readonly Unreadable[];
  readonly end: Reading | undefined;
  readonly hidden: string | undefined;
}

export async function readAll(service: Service, prefixes: readonly (string | Uint8Array)[] = []): Promise<Result> {
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

export async function readKeys(service: Service, prefixes: readonly (string | Uint8Array)[] = []): Promise<string[]> {
  return (await readAll(service, prefixes)).nodes.map(({ key }) => Buffer.from(key).toString());
}

export interface Stored {
  readonly value: string;
  readonly flags: string;
  readonly index: string;
}

/** What Consul itself says below a prefix, decoded without any code of the driver. */
export async function stored(consul: Consul, prefix: string): Promise<Map<string, Stored>> {
  const answer = await consul.api('GET', `kv/${prefix}?recurse`);
  const list: { Key: string; Value: string | null; Flags: string; ModifyIndex: string }[] = JSON.parse(
    (answer || '[]').replace(/"(?:Flags|ModifyIndex)":\d+/g, (member) => member.replace(/\d+$/, '"$&"')),
  );
  return new Map(
    list.map(({ Key, Value, Flags, ModifyIndex }) => [Key, { value: Value ?? '', flags: Flags, index: ModifyIndex }]),
  );
}

/** Listens where `handle` says what becomes of each connection. */
export async function listening(
  handle: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly port: number }> {
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
export async function proxying(
  consul: Consul,
  {
    cutAfter = Number.POSITIVE_INFINITY,
    missing = '',
    added = {},
    unwanted,
  }: {
    cutAfter?: number;
    missing?: string;
    added?: Record<string, string>;
    /** A key that it refuses, as a transaction has it, and how. */
    unwanted?: { readonly key: string; readonly status: number; readonly answer: string };
  },
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
    passed.on('error', () => {});
    const pieces: Buffer[] = [];
    asked.on('data', (piece: Buffer) => pieces.push(piece));
    asked.on('end', () => {
      const body = Buffer.concat(pieces);
      if (unwanted && body.includes(JSON.stringify(unwanted.key))) {
        passed.destroy();
        answer.writeHead(unwanted.status).end(unwanted.answer);
      } else passed.end(body);
    });
  });
  return served(server, () => server.closeAllConnections());
}

export async function served(server: Server, cut: () => void) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
