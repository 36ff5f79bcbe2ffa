// Reads an etcd through treekeeper's driver and does nothing with the nodes: read-alone.js PORT
import { openEtcd } from '../dist/services/etcd.js';

const address = {
  endpoints: [{ host: '127.0.0.1', port: Number(process.argv[2]) }],
  root: new Uint8Array(),
  timeout: 30_000,
};
const service = openEtcd(address);
let nodes = 0;
for await (const event of service.read({ ephemeral: 'skip' })) if (event.type === 'batch') nodes += event.nodes.length;
process.stdout.write(`${nodes} nodes\n`);
await service[Symbol.asyncDispose]();
