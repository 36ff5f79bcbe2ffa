import { execFile } from 'node:child_process';
import { request } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint } from '../../src/services/address.ts';
import type { EtcdAddress } from '../../src/services/etcd/client.ts';
import { binary } from './binaries.ts';
import { type Certificate, type Certificates, makeCertificates } from './certificates.ts';
import { freePorts, type Server, startServer, temporaryDirectory } from './process.ts';

export interface EtcdOptions {
  readonly nodes?: number;
  readonly tls?: boolean;
  /** Clients have to show a certificate. Implies TLS. */
  readonly clientCert?: boolean;
  readonly expired?: boolean;
  readonly args?: readonly string[];
}

/** A running etcd, of one node or several. */
export interface Etcd extends AsyncDisposable {
  readonly endpoints: readonly Endpoint[];
  readonly servers: readonly Server[];
  readonly certificates: Certificates | undefined;
  /** As treekeeper wants it, for an anonymous client that trusts the server. */
  readonly address: EtcdAddress;
  /** Runs etcdctl, the independent witness, as the user root where there are users. */
  ctl(...args: readonly string[]): Promise<string>;
  /** root/rootpw may do everything, bob/bobpw may read and write below /app/. */
  enableAuth(): Promise<void>;
  /** Starts a member again, with the same data and ports, after it was killed. */
  restart(index: number): Promise<void>;
}

export async function startEtcd({
  nodes = 1,
  tls = false,
  clientCert = false,
  expired = false,
  args = [],
}: EtcdOptions = {}): Promise<Etcd> {
  const directory = await temporaryDirectory();
  const certificates = tls || clientCert || expired ? makeCertificates(directory.path) : undefined;
  const ports = await freePorts(nodes * 2);
  const endpoints = Array.from({ length: nodes }, (_, index) => ({ host: '127.0.0.1', port: ports[index] ?? 0 }));
  const peer = (index: number) => `http://127.0.0.1:${ports[nodes + index]}`;
  const cluster = endpoints.map((_, index) => `n${index}=${peer(index)}`).join(',');
  const shown = expired ? certificates?.expired : certificates?.server;

  const start = (index: number) => {
    const url = `${certificates ? 'https' : 'http'}://127.0.0.1:${endpoints[index]?.port}`;
    const own = ['--name', `n${index}`, '--data-dir', join(directory.path, `data${index}`), '--log-level', 'error'];
    const urls = ['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer(index)];
    const peers = ['--initial-advertise-peer-urls', peer(index), '--initial-cluster', cluster];
    const timing = ['--heartbeat-interval', '50', '--election-timeout', '500'];
    const secure = shown ? ['--cert-file', shown.certFile, '--key-file', shown.keyFile] : [];
    const mutual =
      clientCert && certificates ? ['--client-cert-auth', '--trusted-ca-file', certificates.ca.certFile] : [];
    const all = [...own, ...urls, ...peers, ...timing, ...secure, ...mutual, ...args];
    return startServer(binary('etcd'), all, directory.path, () => isHealthy(url, certificates?.client));
  };
  const servers = await Promise.all(endpoints.map((_, index) => start(index)));

  let user: readonly string[] = [];
  const run = promisify(execFile);
  const ctl = async (...command: readonly string[]) => {
    const urls = endpoints.map(({ port }) => `${certificates ? 'https' : 'http'}://127.0.0.1:${port}`).join(',');
    const trust = certificates
      ? [
          '--cacert',
          certificates.ca.certFile,
          '--cert',
          certificates.client.certFile,
          '--key',
          certificates.client.keyFile,
        ]
      : [];
    const { stdout } = await run(binary('etcdctl'), ['--endpoints', urls, ...trust, ...user, ...command], {
      maxBuffer: 2 ** 28,
    });
    return stdout;
  };

  return {
    endpoints,
    servers,
    certificates,
    address: {
      endpoints,
      root: new Uint8Array(),
      timeout: 5_000,
      ...(certificates && { tls: { ca: certificates.ca.cert } }),
    },
    ctl,

    async enableAuth() {
      await ctl('user', 'add', 'root:rootpw');
      await ctl('user', 'grant-role', 'root', 'root').catch(async () => {
        await ctl('role', 'add', 'root');
        await ctl('user', 'grant-role', 'root', 'root');
      });
      await ctl('user', 'add', 'bob:bobpw');
      await ctl('role', 'add', 'app');
      await ctl('role', 'grant-permission', 'app', 'readwrite', '/app/', '/app0');
      await ctl('user', 'grant-role', 'bob', 'app');
      await ctl('auth', 'enable');
      user = ['--user', 'root:rootpw'];
    },

    async restart(index) {
      servers[index] = await start(index);
    },

    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** `/health` answers 200 once the node has a leader. */
async function isHealthy(url: string, client: Certificate | undefined): Promise<boolean> {
  if (!client) return (await fetch(`${url}/health`)).ok;
  return new Promise((resolve, reject) => {
    const { cert, key } = client;
    const asked = request(`${url}/health`, { cert, key, rejectUnauthorized: false, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.once('error', reject).end();
  });
}
