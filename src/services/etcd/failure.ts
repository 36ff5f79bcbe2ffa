import { status } from '@grpc/grpc-js';
import { TreekeeperError } from '../../errors.ts';

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
  const [fact, hint] = describe(thrown, timeout);
  return new TreekeeperError('unreachable', `etcd at ${endpoint} ${fact ?? `refused: ${message}`}`, {
    ...(hint && { hint }),
    cause: thrown,
  });
}

function describe({ code, message }: EtcdFailure, timeout: number): readonly [fact: string | undefined, hint?: string] {
  if (code === status.DEADLINE_EXCEEDED)
    return [`did not answer within ${timeout / 1000} s`, 'is it up, and is it an etcd? --timeout gives it longer'];
  if (/ECONNREFUSED/.test(message)) return ['refuses the connection', 'is it running, and is that its client port?'];
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(message))
    return ['has no address: the name cannot be resolved'];
  if (/certificate has expired|CERT_HAS_EXPIRED/.test(message)) return ['shows a certificate that has expired'];
  if (/does not match certificate|ERR_TLS_CERT_ALTNAME/.test(message))
    return [`shows a certificate for another name: ${message}`];
  if (/unable to verify|self[- ]signed|UNABLE_TO_|SELF_SIGNED/.test(message)) {
    return [
      'shows a certificate of an authority that is not trusted',
      'name the CA with ETCDCTL_CACERT, or as tls.ca in treekeeper.yaml',
    ];
  }
  if (/certificate required|bad certificate|alert (?:number )?(?:42|46|116)|unknown ca/.test(message)) {
    return [
      'wants a client certificate that it trusts',
      'give one with ETCDCTL_CERT and ETCDCTL_KEY, or as tls.cert and tls.key',
    ];
  }
  if (/wrong version number|packet length too long|SSL routines|before secure TLS connection/.test(message))
    return ['does not speak TLS', 'write etcd:// for a port without TLS'];
  if (/authentication failed/.test(message)) return ['does not accept the user or the password'];
  if (/user name is empty|invalid auth token/.test(message)) {
    return [
      'wants a user',
      'give one with ETCDCTL_USER and ETCDCTL_PASSWORD, or as user and passwordFile in treekeeper.yaml',
    ];
  }
  if (/authentication is not enabled/.test(message))
    return ['has no users', 'leave ETCDCTL_USER and user in treekeeper.yaml away'];
  if (/ECONNRESET|socket hang up|Connection dropped/.test(message)) {
    return ['closed the connection', 'is it still running, and is that the client port of an etcd?'];
  }
  if (/Protocol error|Received RST_STREAM|HTTP status|Failed to connect|UNIMPLEMENTED/.test(message)) {
    return ['does not answer as an etcd does', 'is that its client port? For a port with TLS write etcd+tls://'];
  }
  return [undefined];
}
