// The node-zookeeper-client package, 512 nodes in flight: node-zookeeper-client.js read PORT, as our driver does, or
// node-zookeeper-client.js set PORT VALUE PATH...
import { createClient } from 'node-zookeeper-client';
import { inFlight } from '../test/in-flight.ts';
import { readTree, requests } from './peer.ts';

const [work, port, value = '', ...paths] = process.argv.slice(2);
const client = createClient(`127.0.0.1:${port}`, { sessionTimeout: 30_000 });
const ask = (call) =>
  new Promise((resolve, reject) => call((error, answer) => (error ? reject(error) : resolve(answer))));
await new Promise((resolve) => client.once('connected', resolve).connect());
if (work === 'set')
  await inFlight(paths, requests, (path) => ask((done) => client.setData(path, Buffer.from(value), done)));
else {
  const nodes = await readTree('/', async (path) => {
    const [data, , names] = await Promise.all([
      ask((done) => client.getData(path, done)),
      ask((done) => client.getACL(path, done)),
      ask((done) => client.getChildren(path, done)),
    ]);
    return { data, names };
  });
  process.stdout.write(`${nodes} nodes\n`);
}
process.exit(0);
