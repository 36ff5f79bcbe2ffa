import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Kind } from '../snapshot/layout.ts';
import type { RemoteConfig, StoreConfig } from './config.ts';

/** What a service is to be convinced with, and of Consul which part is meant. Never part of a URL or a commit. */
export interface Credentials {
  readonly user?: string;
  readonly password?: string;
  /** Consul's. */
  readonly token?: string;
  readonly datacenter?: string;
  readonly namespace?: string;
  readonly partition?: string;
  /** PEM. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly serverName?: string };
}

export type Environment = { readonly [name: string]: string | undefined };

/** The environment variables that the services' own tools read; ZooKeeper's has none. */
const variables: { readonly [kind in Kind]?: { ca: string; cert: string; key: string; serverName?: string } } = {
  etcd: { ca: 'ETCDCTL_CACERT', cert: 'ETCDCTL_CERT', key: 'ETCDCTL_KEY' },
  zookeeper: { ca: 'ZOOKEEPER_CACERT', cert: 'ZOOKEEPER_CERT', key: 'ZOOKEEPER_KEY' },
  consul: {
    ca: 'CONSUL_CACERT',
    cert: 'CONSUL_CLIENT_CERT',
    key: 'CONSUL_CLIENT_KEY',
    serverName: 'CONSUL_TLS_SERVER_NAME',
  },
};

/**
 * Collects the credentials for a service: the environment first, then what the configuration refers to. Throws
 * `TreekeeperError('usage')` where a file or variable that was named is not there.
 */
export function readCredentials(
  kind: Kind,
  store: StoreConfig | undefined,
  directory: string,
  environment: Environment,
): Credentials {
  const names = variables[kind];
  const variable = (name: string | undefined) => (name === undefined ? undefined : environment[name] || undefined);
  const serverName = variable(names?.serverName) ?? store?.tls?.serverName;
  return {
    ...(kind === 'consul' ? readConsul(store, directory, environment) : readUser(kind, store, directory, environment)),
    tls: {
      ...pem('ca', variable(names?.ca), store?.tls?.ca, directory),
      ...pem('cert', variable(names?.cert), store?.tls?.cert, directory),
      ...pem('key', variable(names?.key), store?.tls?.key, directory),
      ...(serverName !== undefined && { serverName }),
    },
  };
}

function readUser(
  kind: Kind,
  store: StoreConfig | undefined,
  directory: string,
  environment: Environment,
): { user?: string; password?: string } {
  const given = kind === 'etcd' ? etcdUser(environment) : kind === 'zookeeper' ? zookeeperUser(environment) : {};
  const user = given.user ?? store?.user;
  const password =
    given.password ?? secret('password', store?.passwordFile, store?.passwordEnv, directory, environment);
  return { ...(user !== undefined && { user }), ...(password !== undefined && { password }) };
}

/** As etcdctl has it: ETCDCTL_USER=user, or user:password. */
function etcdUser(environment: Environment): { user?: string; password?: string } {
  const [, user = '', inUser] = /^([^:]*)(?::(.*))?$/s.exec(environment['ETCDCTL_USER'] ?? '') ?? [];
  const password = environment['ETCDCTL_PASSWORD'] || inUser;
  return { ...(user !== '' && { user }), ...(password !== undefined && { password }) };
}

function zookeeperUser(environment: Environment): { user?: string; password?: string } {
  const auth = environment['ZOOKEEPER_AUTH'];
  if (!auth) return {};
  const [, user, password] = /^digest:([^:]+):(.*)$/s.exec(auth) ?? [];
  if (user !== undefined && password !== undefined) return { user, password };
  throw new TreekeeperError('usage', 'ZOOKEEPER_AUTH is not digest:USER:PASSWORD', {
    hint: 'treekeeper can authenticate by digest and by TLS client certificate; SASL and other schemes it cannot',
  });
}

/** CONSUL_DATACENTER is ours: Consul's own tools have only a flag for it. */
function readConsul(
  store: StoreConfig | undefined,
  directory: string,
  environment: Environment,
): Pick<Credentials, 'token' | 'datacenter' | 'namespace' | 'partition'> {
  const file = environment['CONSUL_HTTP_TOKEN_FILE'];
  const token =
    environment['CONSUL_HTTP_TOKEN'] ||
    (file ? firstLine(file, 'token file') : secret('token', store?.tokenFile, store?.tokenEnv, directory, environment));
  const datacenter = environment['CONSUL_DATACENTER'] || store?.datacenter;
  const namespace = environment['CONSUL_NAMESPACE'] || store?.namespace;
  const partition = environment['CONSUL_PARTITION'] || store?.partition;
  return {
    ...(token && { token }),
    ...(datacenter && { datacenter }),
    ...(namespace && { namespace }),
    ...(partition && { partition }),
  };
}

/** The token of a Git remote, where the configuration refers to one. */
export function readToken(
  { tokenFile, tokenEnv }: Pick<RemoteConfig, 'tokenFile' | 'tokenEnv'>,
  directory: string,
  environment: Environment,
): string | undefined {
  return secret('token', tokenFile, tokenEnv, directory, environment);
}

/** The passphrase that a part of the configuration refers to, if it does. Throws `TreekeeperError('usage')` where it is empty. */
export function readPassphrase(
  { passphraseFile, passphraseEnv }: { readonly passphraseFile?: string; readonly passphraseEnv?: string },
  directory: string,
  environment: Environment,
): string | undefined {
  const passphrase = secret('passphrase', passphraseFile, passphraseEnv, directory, environment);
  if (passphrase !== '') return passphrase;
  throw new TreekeeperError('usage', `the passphrase in ${passphraseFile ?? passphraseEnv} is empty`);
}

function secret(
  what: string,
  file: string | undefined,
  variable: string | undefined,
  directory: string,
  environment: Environment,
): string | undefined {
  if (file !== undefined) return firstLine(resolve(directory, file), `${what} file`);
  if (variable === undefined) return undefined;
  const value = environment[variable];
  if (value !== undefined) return value;
  throw new TreekeeperError('usage', `the environment variable ${variable}, which holds the ${what}, is not set`);
}

function firstLine(path: string, what: string): string {
  return readFile(path, what)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

function pem<Name extends 'ca' | 'cert' | 'key'>(
  name: Name,
  fromEnvironment: string | undefined,
  fromConfig: string | undefined,
  directory: string,
): { [name in Name]?: Buffer } {
  const path = fromEnvironment ?? (fromConfig === undefined ? undefined : resolve(directory, fromConfig));
  const content: { [name in Name]?: Buffer } = {};
  if (path !== undefined) content[name] = readFile(path, `TLS file (${name})`);
  return content;
}

function readFile(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new TreekeeperError('usage', `cannot read the ${what} ${path}: ${reasonOf(cause)}`, { cause });
  }
}
