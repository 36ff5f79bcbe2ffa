import { connect, createServer, type Socket } from 'node:net';
import type { Endpoint } from '../../src/services/address.ts';
import { codes } from '../../src/services/zookeeper/failure.ts';
import { frameReader } from '../../src/services/zookeeper/frames.ts';
import { JuteWriter } from '../../src/services/zookeeper/jute.ts';
import { opCodes } from '../../src/services/zookeeper/records.ts';
import { served } from './consul-nodes.ts';

/** What came after 3.5. */
const unknown: readonly number[] = [opCodes.multiRead, opCodes.addWatch, opCodes.whoAmI];

/** Makes a ZooKeeper look like an old one, which answers what it does not know with -6 and closes the connection. */
export async function startOldZookeeper(target: Endpoint): Promise<AsyncDisposable & { readonly endpoint: Endpoint }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target);
    let isGreeted = false;
    const pass = frameReader((frame) => {
      const isCall = isGreeted;
      isGreeted = true;
      if (isCall && unknown.includes(frame.readInt32BE(4))) {
        const xid = frame.readInt32BE(0);
        const refusal = (writer: JuteWriter) => void writer.int(xid).long(0n).int(codes.unimplemented);
        client.end(new JuteWriter().frame(refusal).finish());
      } else upstream.write(new JuteWriter().buffer(frame).finish());
    });
    client.on('data', pass);
    upstream.on('data', (chunk) => client.writable && client.write(chunk));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one
        .setNoDelay()
        .on('error', () => {})
        .once('close', () => other.destroy());
    }
  });
  const listening = await served(server, () => {
    for (const socket of sockets) socket.destroy();
  });
  return {
    endpoint: { host: '127.0.0.1', port: listening.port },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}
