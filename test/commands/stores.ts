import { Etcd3 } from 'etcd3';
import type { Endpoint } from '../../src/services/address.ts';
import { openConsul } from '../../src/services/consul.ts';
import { openEtcd } from '../../src/services/etcd.ts';
import type { Service } from '../../src/services/service.ts';
import { pipelinedReads } from '../../src/services/zookeeper/reads.ts';
import { openSession } from '../../src/services/zookeeper/session.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import type { Attributes, Node } from '../../src/snapshot/node.ts';
import { startConsul } from '../servers/consul.ts';
import { type Etcd, startEtcd } from '../servers/etcd.ts';
import type { Server } from '../servers/process.ts';
import { startZookeeper, superUser, type Zookeeper } from '../servers/zookeeper.ts';
import { createEphemeral, putNode, remove } from '../services/zookeeper-nodes.ts';

/** Another client, which writes and deletes as it likes. */
export interface Writer extends AsyncDisposable {
  /** Whether or not the node is there. */
  put(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
}

/** A running service, as the command line sees it, with what a test needs to do behind its back. */
export interface Store extends AsyncDisposable {
  readonly server: Server;
  /** Starts the server again, with the same data, after it was killed. */
  restart(): Promise<void>;
  readonly endpoint: Endpoint;
  /** For the command line; another endpoint is a proxy's. */
  url(endpoint?: Endpoint): string;
  readonly env: { readonly [name: string]: string };
  open(): Service;
  /** What changes whenever somebody writes to a node: mod_revision, mzxid, ModifyIndex. */
  versionOf(key: string): Promise<string>;
  /** Makes something that belongs to a running client, under this key. */
  hold(key: string): Promise<AsyncDisposable>;
  writer(): Writer;
}

export const etcdStore = async (): Promise<Store> => storeOf(await startEtcd());

/** An etcd that is there already. The first of its members stands for all. */
export function storeOf(etcd: Etcd): Store {
  const [endpoint] = etcd.endpoints;
  if (!endpoint) throw new Error('etcd has no member');
  return {
    get server() {
      return etcd.servers[0] as Server;
    },
    restart: () => etcd.restart(0),
    endpoint,
    url: ({ host, port } = endpoint) => `etcd://${host}:${port}`,
    env: {},
    open: () => openEtcd(etcd.address),
    async versionOf(key) {
      const { kvs } = JSON.parse(await etcd.ctl('get', key, '-w', 'json'));
      return String(kvs[0].mod_revision);
    },
    async hold(key) {
      const [, lease = ''] = /lease (\w+)/.exec(await etcd.ctl('lease', 'grant', '600')) ?? [];
      await etcd.ctl('put', '--lease', lease, key, 'held');
      return { [Symbol.asyncDispose]: async () => void (await etcd.ctl('lease', 'revoke', lease)) };
    },
    writer() {
      const client = new Etcd3({ hosts: `http://${endpoint.host}:${endpoint.port}` });
      return {
        put: async (key, value) => void (await client.put(key).value(value)),
        remove: async (key) => void (await client.delete().key(key)),
        [Symbol.asyncDispose]: async () => client.close(),
      };
    },
    [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
  };
}

export const zookeeperStore = async (): Promise<Store> => zookeeperStoreOf(await startZookeeper());

/** A ZooKeeper that is there already; of several servers, one stands for all. */
export function zookeeperStoreOf(
  zookeeper: Pick<Zookeeper, 'endpoint' | 'server' | 'address' | 'restart'> & AsyncDisposable,
): Store {
  const { endpoint } = zookeeper;
  return {
    get server() {
      return zookeeper.server;
    },
    restart: () => zookeeper.restart(),
    endpoint,
    url: ({ host, port } = endpoint) => `zookeeper://${host}:${port}`,
    env: { ZOOKEEPER_AUTH: `digest:${superUser.user}:${superUser.password}` },
    open: () => openZookeeper({ ...zookeeper.address, ...superUser }),
    async versionOf(key) {
      const session = openSession({ ...zookeeper.address, ...superUser });
      try {
        const [found] = await pipelinedReads.data(session, [Buffer.from(key).toString('latin1')]);
        return String(found?.answer?.stat.mzxid);
      } finally {
        await session.close();
      }
    },
    async hold(key) {
      const session = openSession(zookeeper.address);
      await createEphemeral(session, Buffer.from(key).toString('latin1'));
      return { [Symbol.asyncDispose]: () => session.close() };
    },
    writer() {
      const session = openSession({ ...zookeeper.address, ...superUser });
      return {
        put: (key, value) => putNode(session, Buffer.from(key).toString('latin1'), Buffer.from(value)),
        remove: (key) => remove(session, Buffer.from(key).toString('latin1')),
        [Symbol.asyncDispose]: () => session.close(),
      };
    },
    [Symbol.asyncDispose]: () => zookeeper[Symbol.asyncDispose](),
  };
}

export async function consulStore(): Promise<Store> {
  const consul = await startConsul();
  const { endpoint } = consul;
  return {
    get server() {
      return consul.server;
    },
    restart: consul.restart,
    endpoint,
    url: ({ host, port } = endpoint) => `consul://${host}:${port}`,
    env: {},
    open: () => openConsul(consul.address),
    async versionOf(key) {
      const [found] = JSON.parse(await consul.api('GET', `kv/${key}`));
      return String(found.ModifyIndex);
    },
    async hold(key) {
      const { ID } = JSON.parse(await consul.api('PUT', 'session/create', '{}'));
      await consul.api('PUT', `kv/${key}?acquire=${ID}`, 'held');
      return { [Symbol.asyncDispose]: async () => void (await consul.api('PUT', `session/destroy/${ID}`)) };
    },
    writer: () => ({
      put: async (key, value) => void (await consul.api('PUT', `kv/${key}`, value)),
      remove: async (key) => void (await consul.api('DELETE', `kv/${key}`)),
      async [Symbol.asyncDispose]() {},
    }),
    [Symbol.asyncDispose]: () => consul[Symbol.asyncDispose](),
  };
}

/** Each kind of service that has servers, and how it writes the key of a name. */
export const storeKinds: readonly {
  readonly kind: string;
  start(): Promise<Store>;
  key(name: string): string;
}[] = [
  { kind: 'etcd', start: etcdStore, key: (name) => `/${name}` },
  { kind: 'zookeeper', start: zookeeperStore, key: (name) => `/${name}` },
  { kind: 'consul', start: consulStore, key: (name) => name },
];

/** A node; the key has one character per byte. */
export function node(key: string, value: string | Uint8Array | null, attributes?: Attributes): Node {
  return {
    key: Buffer.from(key, 'latin1'),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    attributes,
    ephemeral: undefined,
  };
}

/** Creates nodes in a store, and fails where one cannot be. */
export async function fill(store: Pick<Store, 'open'>, nodes: readonly Node[]): Promise<void> {
  await using service = store.open();
  const outcomes = await service.create(nodes);
  const unsettled = (await service.settle?.()) ?? [];
  const failed = outcomes.filter(({ status }) => status !== 'created');
  if (failed.length + unsettled.length > 0) throw new Error(`not created: ${JSON.stringify([failed, unsettled])}`);
}
