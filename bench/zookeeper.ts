import { execFileSync } from 'node:child_process';
import { openZookeeper } from '../src/services/zookeeper.ts';
import { startZookeeper } from '../test/servers/zookeeper.ts';
import { script } from './circumstances.ts';
import { parentsOf, realisticNodes } from './nodes.ts';
import { type BenchServer, names, type Subject } from './service.ts';

const reading = 'zookeeper package, 512 in flight';
const other = 'node-zookeeper-client, 512 in flight';
const creating = 'zookeeper package: plain creates, no ACL, 512 in flight';
const acl = { acl: [{ scheme: 'ip', id: '127.0.0.1', perms: 'cdrwa' }] };

/** ZooKeeper beside the two clients that there are for Node. Both read data, ACL and children of every node, as we do. */
export const zookeeper: Subject = {
  name: 'ZooKeeper',
  kind: 'zookeeper',
  nodes: (count) =>
    parentsOf(realisticNodes(count, 1)).map((node, index) => (index % 10 === 9 ? { ...node, attributes: acl } : node)),
  start: startServer,
  readers: ({ port }) => [
    { name: reading, start: () => script('zookeeper-package.js', 'read', port) },
    { name: other, start: () => script('node-zookeeper-client.js', 'read', port) },
  ],
  creators: (start, size) => [
    {
      name: creating,
      start: async () => script('zookeeper-package.js', 'create', (await start()).port, String(size)),
      timesItself: true,
    },
  ],
  demands: (of) => [
    { what: `${names.read} / ${reading}`, most: 0.2, measured: of(names.read) / of(reading) },
    { what: `${names.read} / ${other}`, most: 1 / 3, measured: of(names.read) / of(other) },
    { what: `${names.create} / ${creating}`, most: 0.25, measured: of(names.create) / of(creating) },
    { what: `${names.exists} / ${creating}`, most: 0.05, measured: of(names.exists) / of(creating) },
  ],
};

async function startServer(): Promise<BenchServer> {
  const server = await startZookeeper();
  const port = String(server.endpoint.port);
  return {
    port,
    open: () => openZookeeper({ ...server.address, timeout: 60_000 }),
    async change(nodes, value) {
      const keys = nodes.map(({ key }) => Buffer.from(key).toString());
      const { command, args } = script('node-zookeeper-client.js', 'set', port, value, ...keys);
      execFileSync(command, args, { stdio: 'ignore' });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
