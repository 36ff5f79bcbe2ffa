// Reads a service through treekeeper's driver and does nothing with the nodes: read-alone.js KIND PORT
import { openBench } from './open-service.js';

const service = await openBench(process.argv[2], process.argv[3]);
let nodes = 0;
for await (const event of service.read({ ephemeral: 'skip' })) if (event.type === 'batch') nodes += event.nodes.length;
process.stdout.write(`${nodes} nodes\n`);
await service[Symbol.asyncDispose]();
