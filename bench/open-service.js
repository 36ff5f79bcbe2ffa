const drivers = {
  etcd: async () => (await import('../dist/services/etcd.js')).openEtcd,
  zookeeper: async () => (await import('../dist/services/zookeeper.js')).openZookeeper,
  consul: async () => (await import('../dist/services/consul.js')).openConsul,
};

/** The built driver of a service on this machine. */
export async function openBench(kind, port) {
  const open = await drivers[kind]();
  const endpoints = [{ host: '127.0.0.1', port: Number(port) }];
  return open({ endpoints, root: new Uint8Array(), timeout: 30_000 });
}
