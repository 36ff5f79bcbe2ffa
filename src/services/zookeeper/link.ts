import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Endpoint, formatEndpoint } from '../address.ts';
import { silence } from '../patience.ts';
import { transportText } from '../transport.ts';
import { codes, strange, ZookeeperFailure } from './failure.ts';
import { frameReader } from './frames.ts';

export interface Tls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly serverName?: string;
}

/** One connection to one server. It says nothing by itself. */
export interface Link {
  readonly endpoint: string;
  /** Sends one or more frames. */
  send(frames: Buffer): void;
  /** Ends it at once. `closed` is called with the reason, where there is one. */
  destroy(reason?: ZookeeperFailure): void;
}

export interface LinkEvents {
  frame(frame: Buffer): void;
  /** So many bytes came, be it only a part of a frame. */
  heard(bytes: number): void;
  /** Called once, when nothing will come any more. */
  closed(reason: ZookeeperFailure): void;
}

/** Connects within `timeout` milliseconds, TLS included. Rejects with a `ZookeeperFailure`. */
export function openLink(endpoint: Endpoint, tls: Tls | undefined, timeout: number, events: LinkEvents): Promise<Link> {
  const name = formatEndpoint(endpoint);
  return new Promise((resolve, reject) => {
    let reason = new ZookeeperFailure(codes.lost, name, 'ECONNRESET: the server closed the connection');
    let isOpen = false;
    const socket = open(endpoint, tls);
    const timer = setTimeout(() => destroy(new ZookeeperFailure(codes.lost, name, silence)), timeout);
    const feed = frameReader(events.frame);

    function destroy(why?: ZookeeperFailure): void {
      if (why) reason = why;
      socket.destroy();
    }

    socket.setNoDelay(true);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      isOpen = true;
      clearTimeout(timer);
      resolve({ endpoint: name, destroy, send: (frames) => socket.write(frames) });
    });
    socket.on('data', (chunk) => {
      events.heard(chunk.length);
      try {
        feed(chunk);
      } catch (thrown) {
        // Whatever cannot be taken apart is nothing that a ZooKeeper of this protocol has sent.
        destroy(thrown instanceof ZookeeperFailure ? thrown : new ZookeeperFailure(codes.lost, name, strange));
      }
    });
    socket.once('error', (error) => {
      reason = new ZookeeperFailure(codes.lost, name, transportText(error));
    });
    socket.once('close', () => {
      clearTimeout(timer);
      if (isOpen) events.closed(reason);
      else reject(reason);
    });
  });
}

function open({ host, port }: Endpoint, tls: Tls | undefined): Socket {
  if (!tls) return connect({ host, port });
  const { ca, cert, key, serverName } = tls;
  return connectTls({
    host,
    port,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(serverName !== undefined && { servername: serverName }),
    ...(serverName === undefined && !isIP(host) && { servername: host }),
  });
}
