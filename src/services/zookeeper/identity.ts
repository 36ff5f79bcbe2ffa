import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { childPath, systemPath } from './paths.ts';
import { pipelinedReads } from './reads.ts';
import { openSession, type ZookeeperAddress } from './session.ts';

/**
 * ZooKeeper has no cluster id, and its own nodes are dated 1970. What stays the same is when the oldest node at the top that
 * belongs to no client was created, by transaction and time; for a root, when that was. `undefined` where there is no such
 * node yet. Rejects with a `ZookeeperFailure`.
 */
export async function readMarker(address: ZookeeperAddress, root: string): Promise<string | undefined> {
  const session = openSession(address);
  try {
    const paths = root === '' ? await topPaths() : [root];
    const stats = (await pipelinedReads.data(session, paths)).flatMap(({ answer }) => answer?.stat ?? []);
    const [oldest] = stats
      .filter(({ ephemeralOwner }) => ephemeralOwner === 0n)
      .sort((a, b) => (a.czxid < b.czxid ? -1 : 1));
    return oldest && `${oldest.czxid.toString(16)}-${oldest.ctime}`;
  } finally {
    await session.close();
  }

  async function topPaths(): Promise<string[]> {
    const [list] = await pipelinedReads.children(session, ['/']);
    return (list?.answer ?? []).map((name) => childPath('/', name)).filter((path) => path !== systemPath);
  }
}

/** The server's version by its command `srvr`, the only one that is allowed by default; `undefined` where it is not. */
export function readVersion({ endpoints: [endpoint], tls, timeout }: ZookeeperAddress): Promise<string | undefined> {
  if (!endpoint) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let text = '';
    const socket = tls ? connectTls({ ...endpoint, ...tls }) : connect(endpoint);
    const timer = setTimeout(() => socket.destroy(), Math.min(timeout, 2_000));
    socket.once(tls ? 'secureConnect' : 'connect', () => socket.write('srvr'));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      // The version is at the beginning, and a foreign server may have no end.
      if (text.length > 1_000) socket.destroy();
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(/^Zookeeper version: ([0-9]+(?:\.[0-9]+)*)/.exec(text)?.[1]);
    });
  });
}
