import { readdirSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from '../../src/services/address.ts';
import type { ZookeeperAddress } from '../../src/services/zookeeper/session.ts';
import { binary } from './binaries.ts';
import { type Certificate, type Certificates, makeCertificates } from './certificates.ts';
import { freePorts, type Server, startServer, temporaryDirectory } from './process.ts';

export interface ZookeeperOptions {
  readonly tls?: boolean;
  /** Clients have to show a certificate. Implies TLS. */
  readonly clientCert?: boolean;
  readonly expired?: boolean;
  /** Lines of the configuration file, which come last and so count. */
  readonly settings?: readonly string[];
  /** Java's system properties. */
  readonly properties?: { readonly [name: string]: string };
}

/** A running ZooKeeper, alone. */
export interface Zookeeper extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly server: Server;
  readonly certificates: Certificates | undefined;
  /** As treekeeper wants it, for an anonymous client that trusts the server. */
  readonly address: ZookeeperAddress;
  /** Starts it again, with the same data and port, after it was killed. */
  restart(): Promise<void>;
}

/** `super:secret`, whom no ACL stops. */
export const superUser = { user: 'super', password: 'secret' };
const superDigest = 'super:lK75jTNcA+U9vtVEw5vB51mj/w4=';

const jars = fileURLToPath(new URL('../../.servers/root/usr/share/java', import.meta.url));

/**
 * What ZooKeeper needs comes before ZooKeeper itself, whose own list names the system's jars, of whatever version.
 * Netty's handlers are only needed for TLS.
 */
const parts = [
  'zookeeper-jute',
  'metrics-core',
  'slf4j-api',
  'slf4j-nop',
  'snappy-java',
  'netty-buffer',
  'netty-common',
  'netty-handler',
  'netty-transport',
  'netty-codec',
  'netty-resolver',
  'netty-transport-native-epoll',
  'netty-transport-native-unix-common',
  'commons-cli',
  'zookeeper',
];

/** Of the server and of its own command line. */
export const zookeeperClasspath = parts.map((part) => join(jars, `${part}.jar`)).join(':');

/** Whether the jars are there. */
export function hasZookeeper(): boolean {
  try {
    return readdirSync(jars).includes('zookeeper.jar');
  } catch {
    return false;
  }
}

export async function startZookeeper({
  tls = false,
  clientCert = false,
  expired = false,
  settings: more = [],
  properties = {},
}: ZookeeperOptions = {}): Promise<Zookeeper> {
  const directory = await temporaryDirectory();
  const certificates = tls || clientCert || expired ? makeCertificates(directory.path) : undefined;
  const [port = 0, plainPort = 0] = await freePorts(2);
  const endpoint = { host: '127.0.0.1', port };
  await mkdir(join(directory.path, 'data'));

  const settings = ['tickTime=2000', ...settingsOf(directory.path, certificates ? plainPort : port)];
  if (certificates) {
    const shown = expired ? certificates.expired : certificates.server;
    const keyStore = join(directory.path, 'both.pem');
    writeFileSync(keyStore, Buffer.concat([shown.key, shown.cert]));
    settings.push(
      `secureClientPort=${port}`,
      'secureClientPortAddress=127.0.0.1',
      'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
      `ssl.keyStore.location=${keyStore}`,
      'ssl.keyStore.type=PEM',
      `ssl.trustStore.location=${certificates.ca.certFile}`,
      'ssl.trustStore.type=PEM',
      `ssl.clientAuth=${clientCert ? 'need' : 'none'}`,
    );
  }
  const config = join(directory.path, 'zoo.cfg');
  writeFileSync(config, `${[...settings, ...more].join('\n')}\n`);

  const args = javaArguments('org.apache.zookeeper.server.ZooKeeperServerMain', config, properties);
  // The port with TLS is opened last.
  const isReady = () => isServing(port, certificates?.client);
  const start = () => startServer(binary('java'), args, directory.path, isReady);
  let server = await start();

  return {
    endpoint,
    get server() {
      return server;
    },
    certificates,
    address: {
      endpoints: [endpoint],
      root: new Uint8Array(),
      timeout: 5_000,
      ...(certificates && { tls: { ca: certificates.ca.cert } }),
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

/** What every server needs to be told: where its data is, `data` in a directory, and which port clients come to. */
export function settingsOf(directory: string, port: number): string[] {
  return [
    `dataDir=${join(directory, 'data')}`,
    'admin.enableServer=false',
    '4lw.commands.whitelist=*',
    'maxClientCnxns=0',
    `clientPort=${port}`,
    'clientPortAddress=127.0.0.1',
  ];
}

/** What runs a server of ZooKeeper, with a user whom no ACL stops. */
export function javaArguments(
  main: string,
  config: string,
  properties: { readonly [name: string]: string } = {},
): string[] {
  const all = {
    'zookeeper.extendedTypesEnabled': 'true',
    'zookeeper.DigestAuthenticationProvider.superDigest': superDigest,
    ...properties,
  };
  return [
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xmx512m',
    ...Object.entries(all).map(([name, value]) => `-D${name}=${value}`),
    '-cp',
    zookeeperClasspath,
    main,
    config,
  ];
}

/** `ruok` is answered before it serves; `srvr` tells the mode once it does. With a certificate it is asked over TLS. */
async function isServing(port: number, client: Certificate | undefined): Promise<boolean> {
  return (await modeOf(port, client)) !== undefined;
}

/** `standalone`, `leader` or `follower`; `undefined` where it does not serve. */
export function modeOf(port: number, client?: Certificate): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = client
      ? connectTls({ host: '127.0.0.1', port, cert: client.cert, key: client.key, rejectUnauthorized: false })
      : connect(port, '127.0.0.1');
    socket.once(client ? 'secureConnect' : 'connect', () => socket.write('srvr'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(/^Mode: (\w+)/m.exec(text)?.[1]));
  });
}
