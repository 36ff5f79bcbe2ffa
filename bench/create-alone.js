// Creates the bench's nodes through treekeeper's driver, from memory, and prints the seconds that took:
// create-alone.js KIND PORT NODES
import { consul } from './consul.ts';
import { etcd } from './etcd.ts';
import { openBench } from './open-service.js';
import { zookeeper } from './zookeeper.ts';

const [kind, port, count] = process.argv.slice(2);
const nodes = [etcd, consul, zookeeper].find((subject) => subject.kind === kind)?.nodes(Number(count)) ?? [];
const service = await openBench(kind, port);
const start = performance.now();
for (let first = 0; first < nodes.length; first += 2_000) {
  const outcomes = await service.create(nodes.slice(first, first + 2_000));
  if (outcomes.some(({ status }) => status !== 'created')) throw new Error('not all nodes were created');
}
process.stdout.write(`${(performance.now() - start) / 1000}\n`);
await service[Symbol.asyncDispose]();
