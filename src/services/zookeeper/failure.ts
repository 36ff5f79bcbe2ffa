import { TreekeeperError } from '../../errors.ts';
import { describeImpatience } from '../patience.ts';
import { type Description, describeTransport, type TransportWords } from '../transport.ts';

/** ZooKeeper's errors that mean something to treekeeper (KeeperException.Code). */
export const codes = {
  ok: 0,
  /** The connection was lost before the answer came, so nobody knows whether it was done. */
  lost: -4,
  unimplemented: -6,
  badArguments: -8,
  noNode: -101,
  noAuth: -102,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  sessionExpired: -112,
  invalidAcl: -114,
  authFailed: -115,
  sessionRequiresAuth: -124,
  quotaExceeded: -125,
  /** Not ZooKeeper's: no server could be reached in time. */
  unreachable: 1,
} as const;

const texts: { readonly [code: number]: string } = {
  [codes.unimplemented]: 'the server does not know the operation',
  [codes.badArguments]: 'ZooKeeper does not allow the path',
  [codes.noNode]: 'the node is not there',
  [codes.noAuth]: 'no permission',
  [codes.noChildrenForEphemerals]: 'its parent is ephemeral, and can have no children',
  [codes.nodeExists]: 'the node exists',
  [codes.sessionExpired]: 'the session has expired',
  [codes.invalidAcl]: 'the server refuses the ACL: it does not know one of the schemes or ids',
  [codes.authFailed]: 'the server refuses the authentication',
  [codes.sessionRequiresAuth]: 'the server wants another kind of authentication',
  [codes.quotaExceeded]: 'a quota is used up',
};

/** ZooKeeper's error as part of a sentence. */
export function textOf(code: number): string {
  return texts[code] ?? `ZooKeeper answers with error ${code}`;
}

/** An operation that ZooKeeper, or the way to it, refused. */
export class ZookeeperFailure extends Error {
  readonly code: number;
  readonly endpoint: string;

  constructor(code: number, endpoint: string, message = textOf(code)) {
    super(message);
    this.name = 'ZookeeperFailure';
    this.code = code;
    this.endpoint = endpoint;
  }
}

export function isFailure(thrown: unknown, code: number): thrown is ZookeeperFailure {
  return thrown instanceof ZookeeperFailure && thrown.code === code;
}

/** What `ZookeeperFailure.message` says where something else than a ZooKeeper answers. */
export const strange = 'no ZooKeeper';

const words: TransportWords = {
  program: 'a ZooKeeper',
  scheme: 'zookeeper',
  ca: 'ZOOKEEPER_CACERT',
  cert: 'ZOOKEEPER_CERT',
  key: 'ZOOKEEPER_KEY',
};

/** What a failed call means to the user. Anything else that was thrown is passed on as it is. */
export function explain(thrown: unknown, timeout: number): unknown {
  if (!(thrown instanceof ZookeeperFailure)) return thrown;
  const [fact, hint] = describe(thrown, timeout);
  return new TreekeeperError('unreachable', `zookeeper at ${thrown.endpoint} ${fact}`, {
    ...(hint && { hint }),
    cause: thrown,
  });
}

function describe({ code, message }: ZookeeperFailure, timeout: number): Description {
  const impatience = describeImpatience(message, words, timeout);
  if (impatience) return impatience;
  if (message === strange) {
    return [
      'does not answer as a ZooKeeper does',
      'is that its client port? For a port with TLS write zookeeper+tls://',
    ];
  }
  if (code === codes.authFailed || code === codes.sessionRequiresAuth) {
    return [
      'refuses the authentication',
      'treekeeper can authenticate by digest (ZOOKEEPER_AUTH=digest:USER:PASSWORD) and by TLS client certificate; SASL it cannot',
    ];
  }
  return (
    (code === codes.lost || code === codes.unreachable ? describeTransport(message, words) : undefined) ?? [
      `refused: ${message}`,
      'run it again; if it stays so, the log of the server says more',
    ]
  );
}
