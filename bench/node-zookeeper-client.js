// The node-zookeeper-client package, reading as our driver does, 512 nodes in flight: node-zookeeper-client.js PORT
import { createClient } from 'node-zookeeper-client';
import { readTree } from './peer.js';

const client = createClient(`127.0.0.1:${process.argv[2]}`, { sessionTimeout: 30_000 });
const ask = (call) =>
  new Promise((resolve, reject) => call((error, answer) => (error ? reject(error) : resolve(answer))));
await new Promise((resolve) => client.once('connected', resolve).connect());
const nodes = await readTree('/', async (path) => {
  const [data, , names] = await Promise.all([
    ask((done) => client.getData(path, done)),
    ask((done) => client.getACL(path, done)),
    ask((done) => client.getChildren(path, done)),
  ]);
  return { data, names };
});
process.stdout.write(`${nodes} nodes\n`);
process.exit(0);
