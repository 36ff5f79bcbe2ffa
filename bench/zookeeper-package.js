// The zookeeper package, doing what our driver does: zookeeper-package.js read PORT | create PORT NODES
// 512 requests are in flight. It cannot give a node its ACL when it creates it, so it gives none.
// A creation prints the seconds that it took.
import ZooKeeper from 'zookeeper';
import { inFlight } from '../test/in-flight.ts';
import { parentsOf, realisticNodes } from './nodes.ts';
import { readTree, requests } from './peer.ts';

const [, , work, port, count] = process.argv;
const client = new ZooKeeper({
  connect: `127.0.0.1:${port}`,
  timeout: 30_000,
  debug_level: ZooKeeper.constants.ZOO_LOG_LEVEL_ERROR,
  host_order_deterministic: false,
  // Its default of 20 closes the connection where an answer comes in more pieces than that.
  response_counter_limit: 1_000_000,
});
await new Promise((resolve, reject) => client.connect({}, (error) => (error ? reject(error) : resolve())));
if (work === 'read') {
  const nodes = await readTree('/', async (path) => {
    const [[, data], , names] = await Promise.all([
      client.get(path, false),
      client.get_acl(path),
      client.get_children(path, false),
    ]);
    return { data, names };
  });
  process.stdout.write(`${nodes} nodes\n`);
} else {
  const nodes = parentsOf(realisticNodes(Number(count), 1)).map(({ key, value }) => [
    Buffer.from(key).toString(),
    Buffer.from(value ?? ''),
  ]);
  const start = performance.now();
  await inFlight(nodes, requests, ([path, data]) => client.create(path, data, 0));
  process.stdout.write(`${(performance.now() - start) / 1000}\n`);
}
client.close();
process.exit(0);
