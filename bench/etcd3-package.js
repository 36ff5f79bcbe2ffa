// The etcd3 package, creating each node in a transaction of its own, 256 in flight, and printing the seconds that took:
// etcd3-package.js PORT NODES
import { Etcd3 } from 'etcd3';
import { inFlight } from '../test/in-flight.ts';
import { realisticNodes } from './nodes.ts';

const nodes = realisticNodes(Number(process.argv[3]), 1).map(({ key, value }) => [
  Buffer.from(key),
  Buffer.from(value),
]);
const client = new Etcd3({ hosts: `http://127.0.0.1:${process.argv[2]}` });
const start = performance.now();
await inFlight(nodes, 256, ([key, value]) =>
  client.if(key, 'Create', '==', 0).then(client.put(key).value(value)).commit(),
);
process.stdout.write(`${(performance.now() - start) / 1000}\n`);
client.close();
