import { TreekeeperError } from '../errors.ts';
import type { Kind } from '../snapshot/layout.ts';
import { latin1 } from '../snapshot/paths.ts';

/** A service as its URL names it. Credentials are never part of it. */
export type ServiceAddress =
  | { readonly kind: 'dir'; readonly path: string }
  | {
      readonly kind: Exclude<Kind, 'dir'>;
      readonly tls: boolean;
      readonly endpoints: readonly Endpoint[];
      /** As bytes, beginning with the URL's slash where the service's keys do; empty for the whole tree. */
      readonly root: Uint8Array;
    };

/** Where a server listens: a host and a port, or the path of a unix socket as the host. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const defaultPorts = { zookeeper: 2181, etcd: 2379, consul: 8500 } as const;

const url =
  /^(?<kind>zookeeper|etcd|consul)(?<tls>\+tls)?:\/\/(?<authority>[^/?#]*)(?<path>\/[^?#]*)?(?<rest>[?#].*)?$/s;
/** A unix socket stands where a host does, with its slashes as %2F. */
const socket = /^%2[Ff](?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+$/;
const endpoint = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/;

/** Whether a service argument is a URL rather than a name from the configuration. */
export function isServiceUrl(text: string): boolean {
  return /^[a-z][a-z+]*:/.test(text);
}

/**
 * Takes a service URL apart: `etcd://h1:2379,h2:2379/prefix`, `zookeeper+tls://h/chroot`, `dir:PATH`. Bytes of the root
 * that cannot stand in a URL are percent-encoded. Throws `TreekeeperError('usage')` with what is wrong.
 */
export function parseServiceUrl(text: string): ServiceAddress {
  if (text.startsWith('dir:')) {
    const path = text.slice('dir:'.length);
    if (path === '' || path.includes('\0')) throw wrong(text, 'names no directory', 'write dir:PATH');
    return { kind: 'dir', path };
  }

  const { kind, tls, authority = '', path = '', rest } = url.exec(text)?.groups ?? {};
  if (kind === undefined) {
    throw wrong(
      text,
      'is no service',
      'a service is etcd://HOST:PORT/PREFIX, zookeeper://, consul://, dir:PATH, or a name from treekeeper.yaml',
    );
  }
  if (authority.includes('@')) {
    throw wrong(
      `${kind}://…`,
      'has credentials in it',
      'give them in the environment (ETCDCTL_USER, ...) or by reference in treekeeper.yaml',
    );
  }
  if (rest !== undefined) throw wrong(text, `has ${rest[0]} in it`, 'in a root, write ? as %3F and # as %23');

  const known = kind as keyof typeof defaultPorts;
  const endpoints = authority.split(',').map((part) => parseEndpoint(part, defaultPorts[known], text));
  return { kind: known, tls: tls !== undefined, endpoints, root: rootOf(known, decodePath(path, text)) };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatEndpoint({ host, port }: Endpoint): string {
  if (isSocket(host)) return encodeURIComponent(host);
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isSocket(host: string): boolean {
  return host.startsWith('/');
}

/** A root as it stands in a URL. */
export function formatRoot(root: Uint8Array): string {
  return latin1(root).replace(
    /[^A-Za-z0-9\-._~/:@!$&'()*+,;=]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function parseEndpoint(part: string, defaultPort: number, text: string): Endpoint {
  if (text.startsWith('consul') && socket.test(part)) return { host: decodeURIComponent(part), port: 0 };
  const { v6, host = v6, port } = endpoint.exec(part)?.groups ?? {};
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535) {
    throw wrong(
      text,
      part === '' ? 'names no host' : `has no usable host and port in ${part}`,
      'write HOST:PORT, several with commas between',
    );
  }
  return { host, port: number };
}

function decodePath(path: string, text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) throw wrong(text, 'has a % that encodes nothing', 'write % as %25');
  const bytes = Buffer.from(path).toString('latin1');
  return bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** A lone slash is no root. ZooKeeper's chroot has no slash at its end, and Consul's keys none at their beginning. */
function rootOf(kind: keyof typeof defaultPorts, path: string): Uint8Array {
  const trimmed = kind === 'zookeeper' ? path.replace(/\/$/, '') : path;
  const root = kind === 'consul' ? trimmed.replace(/^\//, '') : trimmed;
  return Buffer.from(root === '/' ? '' : root, 'latin1');
}

function wrong(what: string, problem: string, hint: string): TreekeeperError {
  return new TreekeeperError('usage', `${what} ${problem}`, { hint });
}
