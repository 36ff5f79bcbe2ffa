import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { openEtcd } from '../src/services/etcd.ts';
import { inFlight } from '../test/in-flight.ts';
import { binary } from '../test/servers/binaries.ts';
import { startEtcd } from '../test/servers/etcd.ts';
import { script } from './circumstances.ts';
import { realisticNodes } from './nodes.ts';
import { requests } from './peer.ts';
import { type BenchServer, names, type Subject } from './service.ts';

const get = 'etcdctl get --prefix -w protobuf';
const one = 'etcd3, one transaction a key';
/** More nodes than these take minutes, one by one. */
const mostOneByOne = 100_000;

/** etcd beside etcdctl, and the etcd3 package as it is mostly used. */
export const etcd: Subject = {
  name: 'etcd',
  kind: 'etcd',
  nodes: (count) => realisticNodes(count, 1),
  start: startServer,
  readers({ port }, directory) {
    const ctl = (...args: string[]) => ({
      command: binary('etcdctl'),
      args: ['--endpoints', `127.0.0.1:${port}`, ...args],
    });
    return [
      { name: get, start: () => ctl('get', '', '--prefix', '-w', 'protobuf') },
      { name: 'etcdctl snapshot save', start: () => ctl('snapshot', 'save', join(directory, 'etcd.db')) },
    ];
  },
  creators(start, size) {
    if (size > mostOneByOne) return [];
    return [
      {
        name: one,
        start: async () => script('etcd3-package.js', (await start()).port, String(size)),
        timesItself: true,
        once: true,
      },
    ];
  },
  demands: (of) => [
    { what: `${names.read} / ${get}`, most: 1.5, measured: of(names.read) / of(get) },
    { what: `${names.create} / ${one}`, most: 0.1, measured: of(names.create) / of(one) },
    { what: `${names.exists} / ${one}`, most: 0.02, measured: of(names.exists) / of(one) },
  ],
};

async function startServer(): Promise<BenchServer> {
  // The default quota of 2 GB is less than some rounds of a million nodes.
  const server = await startEtcd({ args: ['--quota-backend-bytes', String(8 * 2 ** 30)] });
  const port = String(server.endpoints[0]?.port);
  return {
    port,
    open: () => openEtcd({ ...server.address, timeout: 60_000 }),
    async change(nodes, value) {
      const client = new Etcd3({ hosts: `http://127.0.0.1:${port}` });
      await inFlight(nodes, requests, ({ key }) => client.put(Buffer.from(key)).value(value).exec());
      client.close();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
