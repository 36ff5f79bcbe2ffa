import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Kind } from '../snapshot/layout.ts';
import type { StoreConfig } from './config.ts';

/** What a service is to be convinced with. Never printed, never part of a URL or a commit. */
export interface Credentials {
  readonly user?: string;
  readonly password?: string;
  /** PEM. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly serverName?: string };
}

export type Environment = { readonly [name: string]: string | undefined };

/** The environment variables that the services' own tools read. */
const variables: {
  readonly [kind in Kind]?: { user: string; password: string; ca: string; cert: string; key: string };
} = {
  etcd: {
    user: 'ETCDCTL_USER',
    password: 'ETCDCTL_PASSWORD',
    ca: 'ETCDCTL_CACERT',
    cert: 'ETCDCTL_CERT',
    key: 'ETCDCTL_KEY',
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
  // As etcdctl has it: ETCDCTL_USER=user, or user:password.
  const [, user, userPassword] = /^([^:]*)(?::(.*))?$/s.exec(variable(names?.user) ?? '') ?? [];

  const password = variable(names?.password) ?? userPassword ?? configuredPassword(store, directory, environment);
  const name = user || store?.user;
  return {
    ...(name !== undefined && { user: name }),
    ...(password !== undefined && { password }),
    tls: {
      ...pem('ca', variable(names?.ca), store?.tls?.ca, directory),
      ...pem('cert', variable(names?.cert), store?.tls?.cert, directory),
      ...pem('key', variable(names?.key), store?.tls?.key, directory),
      ...(store?.tls?.serverName !== undefined && { serverName: store.tls.serverName }),
    },
  };
}

function configuredPassword(
  store: StoreConfig | undefined,
  directory: string,
  environment: Environment,
): string | undefined {
  if (store?.passwordFile !== undefined) {
    return readFile(resolve(directory, store.passwordFile), 'password file')
      .toString('utf8')
      .replace(/\r?\n$/, '');
  }
  if (store?.passwordEnv === undefined) return undefined;
  const password = environment[store.passwordEnv];
  if (password !== undefined) return password;
  throw new TreekeeperError(
    'usage',
    `the environment variable ${store.passwordEnv}, which holds the password, is not set`,
  );
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
