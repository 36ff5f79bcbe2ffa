// Reads a service through treekeeper's driver and does nothing with the nodes: read-alone.js KIND PORT
const [, , kind, port] = process.argv;
const drivers = {
  etcd: async () => (await import('../dist/services/etcd.js')).openEtcd,
  zookeeper: async () => (await import('../dist/services/zookeeper.js')).openZookeeper,
  consul: async () => (await import('../dist/services/consul.js')).openConsul,
};
const open = await drivers[kind]();
const service = open({
  endpoints: [{ host: '127.0.0.1', port: Number(port) }],
  root: new Uint8Array(),
  timeout: 30_000,
});
let nodes = 0;
for await (const event of service.read({ ephemeral: 'skip' })) if (event.type === 'batch') nodes += event.nodes.length;
process.stdout.write(`${nodes} nodes\n`);
await service[Symbol.asyncDispose]();
