import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint } from '../../src/services/address.ts';
import type { ConsulAddress } from '../../src/services/consul/client.ts';
import { binary } from './binaries.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { freePorts, type Server, startServer, temporaryDirectory } from './process.ts';

export interface ConsulOptions {
  readonly tls?: boolean;
  /** Clients have to show a certificate. Implies TLS. */
  readonly clientCert?: boolean;
  readonly expired?: boolean;
  /** There are ACLs, which deny what they do not allow. */
  readonly acl?: boolean;
  /** Added to the configuration. */
  readonly config?: object;
}

/** A running Consul of one server. */
export interface Consul extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** The path of a unix socket on which it listens as well. */
  readonly socket: string;
  readonly server: Server;
  readonly certificates: Certificates | undefined;
  /** As treekeeper wants it, for a client that trusts the server, with the token that may everything. */
  readonly address: ConsulAddress;
  /** Runs the program consul, the independent witness, with that token. */
  ctl(...args: readonly string[]): Promise<string>;
  /** A request of the HTTP API, with that token; the answer as it is. */
  api(method: string, path: string, body?: string): Promise<string>;
  /** A token that may do what the rules say, and nothing else. */
  limitedToken(rules: string): Promise<string>;
  /** Starts it again, with the same data and ports, after it was killed. */
  restart(): Promise<void>;
}

const master = 'aaaaaaaa-0000-0000-0000-000000000001';

export async function startConsul({
  tls = false,
  clientCert = false,
  expired = false,
  acl = false,
  config = {},
}: ConsulOptions = {}): Promise<Consul> {
  const directory = await temporaryDirectory();
  const certificates = tls || clientCert || expired ? makeCertificates(directory.path) : undefined;
  const [port = 0, serf, rpc, plain = 0] = await freePorts(4);
  const shown = expired ? certificates?.expired : certificates?.server;
  const endpoint = { host: '127.0.0.1', port };
  // What the tests themselves ask goes over the port without TLS.
  const http = certificates ? plain : port;

  const socket = join(directory.path, 'consul.sock');
  const file = join(directory.path, 'consul.json');
  const settings = {
    server: true,
    bootstrap_expect: 1,
    data_dir: join(directory.path, 'data'),
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    addresses: { http: `127.0.0.1 unix://${socket}` },
    datacenter: 'dc1',
    node_name: 'n1',
    log_level: 'warn',
    disable_update_check: true,
    performance: { raft_multiplier: 1 },
    ports: { http, https: certificates ? port : -1, dns: -1, grpc: -1, serf_lan: serf, serf_wan: -1, server: rpc },
    ...(shown && {
      ca_file: certificates?.ca.certFile,
      cert_file: shown.certFile,
      key_file: shown.keyFile,
      verify_incoming_https: clientCert,
    }),
    ...(acl && { acl: { enabled: true, default_policy: 'deny', tokens: { master, agent: master } } }),
    ...config,
  };
  await writeFile(file, JSON.stringify(settings));

  const url = `http://127.0.0.1:${http}`;
  const headers = acl ? { 'X-Consul-Token': master } : {};
  const isReady = async () => {
    const { status } = await fetch(`${url}/v1/kv/is-ready?consistent`, { headers });
    return status === 404;
  };
  const start = () => startServer(binary('consul'), ['agent', '-config-file', file], directory.path, isReady);
  let server = await start();

  const api = async (method: string, path: string, body?: string) => {
    const answer = await fetch(`${url}/v1/${path}`, { method, headers, ...(body !== undefined && { body }) });
    if (!answer.ok && answer.status !== 404) throw new Error(`${answer.status} ${await answer.text()}`);
    return answer.text();
  };

  return {
    endpoint,
    socket,
    get server() {
      return server;
    },
    certificates,
    address: {
      endpoints: [endpoint],
      root: new Uint8Array(),
      timeout: 5_000,
      ...(certificates && { tls: { ca: certificates.ca.cert } }),
      ...(acl && { token: master }),
    },
    api,

    async ctl(...args) {
      const env = { ...process.env, CONSUL_HTTP_ADDR: url, ...(acl && { CONSUL_HTTP_TOKEN: master }) };
      const { stdout } = await promisify(execFile)(binary('consul'), args, { env, maxBuffer: 2 ** 28 });
      return stdout;
    },

    async limitedToken(rules) {
      const Name = `limited-${Math.random().toString(36).slice(2)}`;
      await api('PUT', 'acl/policy', JSON.stringify({ Name, Rules: rules }));
      const answer: { SecretID: string } = JSON.parse(
        await api('PUT', 'acl/token', JSON.stringify({ Policies: [{ Name }] })),
      );
      return answer.SecretID;
    },

    async restart() {
      server = await start();
    },

    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
