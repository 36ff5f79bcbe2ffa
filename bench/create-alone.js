// Creates the bench's nodes through treekeeper's driver, from memory: create-alone.js KIND PORT NODES
import { openBench } from './open-service.js';
import { realisticTree } from './tree.js';

const [, , kind, port, count] = process.argv;
const service = await openBench(kind, port);
const nodes = realisticTree(Number(count)).map(({ path, data }) => ({
  key: Buffer.from(kind === 'consul' ? path.slice(1) : path),
  value: data,
  attributes: undefined,
  ephemeral: undefined,
}));
for (let start = 0; start < nodes.length; start += 2_000) {
  const outcomes = await service.create(nodes.slice(start, start + 2_000));
  if (outcomes.some(({ status }) => status !== 'created')) throw new Error('not all nodes were created');
}
await service[Symbol.asyncDispose]();
