import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoint } from '../../src/services/address.ts';
import { binary } from './binaries.ts';
import { freePorts, type Server, startServer, temporaryDirectory } from './process.ts';
import { javaArguments, modeOf, settingsOf } from './zookeeper.ts';

/** Three ZooKeepers that are one. */
export interface Ensemble extends AsyncDisposable {
  readonly endpoints: readonly Endpoint[];
  readonly servers: readonly Server[];
  /** Which of the servers leads now. */
  leader(): Promise<number>;
  /** Starts a server again, with the same data and ports, after it was killed. */
  restart(index: number): Promise<void>;
}

/** Sessions of it may be as short as two seconds. */
export async function startEnsemble(): Promise<Ensemble> {
  const directory = await temporaryDirectory();
  const ports = await freePorts(9);
  const members = [0, 1, 2].map((index) => {
    const [client = 0, peers = 0, election = 0] = ports.slice(3 * index, 3 * index + 3);
    return { path: join(directory.path, `${index}`), client, line: `server.${index}=127.0.0.1:${peers}:${election}` };
  });
  for (const [index, { path, client }] of members.entries()) {
    mkdirSync(join(path, 'data'), { recursive: true });
    writeFileSync(join(path, 'data', 'myid'), `${index}`);
    const settings = [
      'tickTime=1000',
      'initLimit=10',
      'syncLimit=5',
      ...settingsOf(path, client),
      ...members.map(({ line }) => line),
    ];
    writeFileSync(join(path, 'zoo.cfg'), `${settings.join('\n')}\n`);
  }
  const start = async (index: number) => {
    const { path = '', client = 0 } = members[index] ?? {};
    const args = javaArguments('org.apache.zookeeper.server.quorum.QuorumPeerMain', join(path, 'zoo.cfg'));
    return startServer(binary('java'), args, path, async () => (await modeOf(client)) !== undefined);
  };
  const servers = await Promise.all(members.map((_, index) => start(index)));

  return {
    endpoints: members.map(({ client }) => ({ host: '127.0.0.1', port: client })),
    servers,
    async leader() {
      for (;;) {
        const modes = await Promise.all(members.map(({ client }) => modeOf(client)));
        if (modes.includes('leader')) return modes.indexOf('leader');
      }
    },
    async restart(index) {
      servers[index] = await start(index);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      await directory[Symbol.asyncDispose]();
    },
  };
}
