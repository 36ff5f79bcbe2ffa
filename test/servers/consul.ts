import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint } from '../../src/services/address.ts';
import type { ConsulAddress } from '../../src/services/consul/request.ts';
import { binary } from './binaries.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { freePorts, type Server, startServer, temporaryDirectory } from './process.ts';

export interface ConsulOptions {
  readonly tls?: boolean;
  /** Clients have to show a certificate. Implies TLS. */
  readonly clientCert?: boolean;
  readonly expired?: boolean;
  /** Nobody may do anything without a token. */
  readonly acl?: boolean;
}

/** A running Consul, alone. */
export interface Consul extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** The path of its unix socket; none with TLS. */
  readonly socket: string;
  readonly server: Server;
  readonly certificates: Certificates | undefined;
  /** As treekeeper wants it, for a client that trusts the server and may do everything. */
  readonly address: ConsulAddress;
  /** Runs consul, the independent witness. */
  cli(...args: readonly string[]): Promise<string>;
  /** The body of an answer of its API, as a user who may do everything. */
  api(method: string, path: string, body?: string | Uint8Array): Promise<string>;
  /** A token that has only the rights of these rules. */
  createToken(rules: string): Promise<string>;
  /** Starts it again, with the same data and port, after it was killed. */
  restart(): Promise<void>;
}

const management = 'aaaaaaaa-0000-0000-0000-000000000001';

export async function startConsul({
  tls = false,
  clientCert = false,
  expired = false,
  acl = false,
}: ConsulOptions = {}): Promise<Consul> {
  const directory = await temporaryDirectory();
  const certificates = tls || clientCert || expired ? makeCertificates(directory.path) : undefined;
  const [port = 0, serf = 0, rpc = 0] = await freePorts(3);
  const endpoint = { host: '127.0.0.1', port };
  const socket = join(directory.path, 'consul.sock');
  const shown = expired ? certificates?.expired : certificates?.server;

  const config = join(directory.path, 'consul.json');
  const settings = {
    server: true,
    bootstrap_expect: 1,
    data_dir: join(directory.path, 'data'),
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    addresses: certificates ? {} : { http: `127.0.0.1 unix://${socket}` },
    datacenter: 'dc1',
    node_name: 'n1',
    log_level: 'warn',
    ports: {
      http: certificates ? -1 : port,
      https: certificates ? port : -1,
      dns: -1,
      grpc: -1,
      serf_lan: serf,
      serf_wan: -1,
      server: rpc,
    },
    performance: { raft_multiplier: 1 },
    disable_update_check: true,
    ...(acl && { acl: { enabled: true, default_policy: 'deny', tokens: { master: management, agent: management } } }),
    ...(certificates && {
      ca_file: certificates.ca.certFile,
      cert_file: shown?.certFile,
      key_file: shown?.keyFile,
      verify_incoming_https: clientCert,
    }),
  };
  writeFileSync(config, JSON.stringify(settings));

  const api = (method: string, path: string, body: string | Uint8Array = '') =>
    new Promise<string>((resolve, reject) => {
      const { cert, key } = certificates?.client ?? {};
      const request = certificates ? httpsRequest : httpRequest;
      const trust = certificates ? { cert, key, rejectUnauthorized: false } : {};
      const headers = acl ? { 'X-Consul-Token': management } : {};
      const asked = request({ ...endpoint, method, path, headers, agent: false, ...trust }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const { statusCode = 0 } = response;
          if (statusCode < 300 || statusCode === 404) resolve(text);
          else reject(new Error(`${method} ${path}: ${statusCode} ${text}`));
        });
      });
      asked.once('error', reject).end(body);
    });

  const isReady = async () => {
    await api('GET', '/v1/kv/ready?consistent');
    return true;
  };
  const start = () => startServer(binary('consul'), ['agent', '-config-file', config], directory.path, isReady);
  let server = await start();

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
      ...(acl && { token: management }),
      ...(certificates && { tls: { ca: certificates.ca.cert } }),
    },
    api,

    async cli(...args) {
      const at = `-http-addr=http://127.0.0.1:${port}`;
      const token = acl ? [`-token=${management}`] : [];
      const [verb = '', sub = '', ...rest] = args;
      const { stdout } = await promisify(execFile)(binary('consul'), [verb, sub, at, ...token, ...rest], {
        maxBuffer: 2 ** 28,
      });
      return stdout;
    },

    async createToken(rules) {
      const name = `p${Math.random().toString(36).slice(2)}`;
      await api('PUT', '/v1/acl/policy', JSON.stringify({ Name: name, Rules: rules }));
      const answer = await api('PUT', '/v1/acl/token', JSON.stringify({ Policies: [{ Name: name }] }));
      return (JSON.parse(answer) as { SecretID: string }).SecretID;
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
