import { status } from '@grpc/grpc-js';
import { TreekeeperError } from '../../errors.ts';
import { describeImpatience, silence, slowness } from '../patience.ts';
import { type Description, describeTransport, type TransportWords } from '../transport.ts';

/** A call that etcd, or the way to it, refused. `code` is gRPC's. */
export class EtcdFailure extends Error {
  readonly code: number;
  readonly endpoint: string;

  constructor(code: number, details: string, endpoint: string) {
    super(details);
    this.name = 'EtcdFailure';
    this.code = code;
    this.endpoint = endpoint;
  }
}

export function isFailure(thrown: unknown, code: number, text = ''): thrown is EtcdFailure {
  return thrown instanceof EtcdFailure && thrown.code === code && thrown.message.includes(text);
}

/** The server may have done what it was asked, or not; another endpoint can be asked instead. */
export function isLost(thrown: unknown): boolean {
  return isFailure(thrown, status.UNAVAILABLE) || isFailure(thrown, status.DEADLINE_EXCEEDED);
}

/** What a failed call means to the user. Anything else that was thrown is passed on as it is. */
export function explain(thrown: unknown, timeout: number): unknown {
  if (!(thrown instanceof EtcdFailure)) return thrown;
  const { endpoint, message } = thrown;
  const [fact, hint] = describe(thrown, timeout) ?? [];
  return new TreekeeperError('unreachable', `etcd at ${endpoint} ${fact ?? `refused: ${message}`}`, {
    ...(hint && { hint }),
    cause: thrown,
  });
}

const words: TransportWords = {
  program: 'an etcd',
  scheme: 'etcd',
  ca: 'ETCDCTL_CACERT',
  cert: 'ETCDCTL_CERT',
  key: 'ETCDCTL_KEY',
};

function describe({ code, message }: EtcdFailure, timeout: number): Description | undefined {
  if (code === status.DEADLINE_EXCEEDED)
    return describeImpatience(message === slowness ? slowness : silence, words, timeout);
  const transport = describeTransport(message, words);
  if (transport) return transport;
  if (/authentication failed/.test(message)) return ['does not accept the user or the password'];
  if (/user name is empty|invalid auth token/.test(message)) {
    return [
      'wants a user',
      'give one with ETCDCTL_USER and ETCDCTL_PASSWORD, or as user and passwordFile in treekeeper.yaml',
    ];
  }
  if (/authentication is not enabled/.test(message))
    return ['has no users', 'leave ETCDCTL_USER and user in treekeeper.yaml away'];
  const [, nonsense] = /parsing error: (.+)/.exec(message) ?? [];
  if (nonsense !== undefined)
    return [`does not answer as an etcd does: ${nonsense}`, 'is there something between it and here?'];
  if (/Protocol error|Received RST_STREAM|HTTP status|Failed to connect|UNIMPLEMENTED/.test(message)) {
    return ['does not answer as an etcd does', 'is that its client port? For a port with TLS write etcd+tls://'];
  }
  return undefined;
}
