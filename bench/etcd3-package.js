// The etcd3 package, creating each node in a transaction of its own, 256 in flight: etcd3-package.js PORT NODES
import { Etcd3 } from 'etcd3';
import { inFlight } from './peer.js';
import { realisticTree } from './tree.js';

const client = new Etcd3({ hosts: `http://127.0.0.1:${process.argv[2]}` });
await inFlight(
  realisticTree(Number(process.argv[3])),
  ({ path, data }) => client.if(path, 'Create', '==', 0).then(client.put(path).value(data)).commit(),
  256,
);
client.close();
