import { TreekeeperError } from '../../errors.ts';
import { type Description, describeTransport, type TransportWords } from '../transport.ts';

/** A request that Consul, or the way to it, refused. `status` is HTTP's; 0 where no answer came. */
export class ConsulFailure extends Error {
  readonly status: number;
  readonly endpoint: string;

  constructor(status: number, endpoint: string, message: string) {
    super(message);
    this.name = 'ConsulFailure';
    this.status = status;
    this.endpoint = endpoint;
  }
}

/** What `ConsulFailure.message` says where nothing came in time; the number of milliseconds is the caller's. */
export const silence = 'no answer in time';
export const strange = 'no Consul';

const words: TransportWords = {
  program: 'a Consul',
  scheme: 'consul',
  ca: 'CONSUL_CACERT',
  cert: 'CONSUL_CLIENT_CERT',
  key: 'CONSUL_CLIENT_KEY',
};

const giveToken = 'give one with CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE, or as tokenFile in treekeeper.yaml';

/** Consul's words for a token that it does not know. */
export const unknownToken = /ACL not found|token does not exist|Bad token/i;

/** What a failed request means to the user. Anything else that was thrown is passed on as it is. */
export function explain(thrown: unknown, timeout: number): unknown {
  if (!(thrown instanceof ConsulFailure)) return thrown;
  const [fact, hint] = describe(thrown, timeout);
  return new TreekeeperError('unreachable', `consul at ${thrown.endpoint} ${fact}`, {
    ...(hint && { hint }),
    cause: thrown,
  });
}

function describe({ status, message }: ConsulFailure, timeout: number): Description {
  if (message === silence) {
    return [`did not answer within ${timeout / 1000} s`, 'is it up, and is it a Consul? --timeout gives it longer'];
  }
  if (status === 0) {
    const transport = describeTransport(message, words);
    if (transport) return transport;
  }
  if (message === strange || /Parse Error|HPE_/.test(message) || /HTTP request to an HTTPS server/.test(message)) {
    return ['does not answer as a Consul does', 'is that its HTTP port? For a port with TLS write consul+tls://'];
  }
  if (unknownToken.test(message)) return ['does not know the token', giveToken];
  if (/Permission denied|ACL.*denied|anonymous token/i.test(message)) {
    return ['does not let this token do that', giveToken];
  }
  if (/No path to datacenter/.test(message)) return ['knows no such datacenter', 'look at consul catalog datacenters'];
  if (/No cluster leader/.test(message)) return ['has no leader', 'a majority of its servers has to be up'];
  return [`refused: ${status} ${message}`, 'its log may say more'];
}
