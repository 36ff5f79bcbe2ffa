import { TreekeeperError } from '../../errors.ts';
import { describeImpatience } from '../patience.ts';
import { type Description, describeTransport, type TransportWords } from '../transport.ts';

/**
 * A request that Consul, or the way to it, refused. `code` is the HTTP status, Node's name of an error, or one of ours:
 * `TIMEOUT`, `FOREIGN` (an answer that no Consul gives), `NO_LEADER`.
 */
export class ConsulFailure extends Error {
  readonly code: string;
  readonly endpoint: string;

  constructor(code: string, details: string, endpoint: string) {
    super(details);
    this.name = 'ConsulFailure';
    this.code = code;
    this.endpoint = endpoint;
  }
}

export function isFailure(thrown: unknown, code: string, text = ''): thrown is ConsulFailure {
  return thrown instanceof ConsulFailure && thrown.code === code && thrown.message.includes(text);
}

/** What Node threw, as a failure of that endpoint. */
export function failureOf(thrown: unknown, endpoint: string): unknown {
  if (thrown instanceof ConsulFailure || !(thrown instanceof Error)) return thrown;
  if (thrown instanceof SyntaxError) return new ConsulFailure('FOREIGN', thrown.message, endpoint);
  return new ConsulFailure('code' in thrown ? String(thrown.code) : '', thrown.message, endpoint);
}

/** The server may have done what it was asked, or not; another endpoint can be asked instead. */
export function isLost(thrown: unknown): boolean {
  return thrown instanceof ConsulFailure && !/^[34]\d\d$/.test(thrown.code);
}

/** What a failed request means to the user. Anything else that was thrown is passed on as it is. */
export function explain(thrown: unknown, timeout: number): unknown {
  if (!(thrown instanceof ConsulFailure)) return thrown;
  const { endpoint, code, message } = thrown;
  const [fact, hint] = describe(thrown, timeout) ?? [];
  const refusal = `refused: ${oneLine(message) || code}`;
  return new TreekeeperError('unreachable', `consul at ${endpoint} ${fact ?? refusal}`, {
    ...(hint && { hint }),
    cause: thrown,
  });
}

const words: TransportWords = {
  program: 'a consul',
  scheme: 'consul',
  ca: 'CONSUL_CACERT',
  cert: 'CONSUL_CLIENT_CERT',
  key: 'CONSUL_CLIENT_KEY',
};

function describe({ code, message }: ConsulFailure, timeout: number): Description | undefined {
  if (code === 'TIMEOUT') return describeImpatience(message, words, timeout);
  if (/HTTP request to an HTTPS server/.test(message)) return ['wants TLS', 'write consul+tls:// for it'];
  if (/ACL not found/.test(message))
    return ['does not know the token', 'give one that it knows with CONSUL_HTTP_TOKEN'];
  if (/Permission denied/.test(message))
    return ['does not let this client do that', 'give a token that may with CONSUL_HTTP_TOKEN'];
  if (/No path to datacenter/.test(message)) return ['knows no way to that datacenter', 'is its name right?'];
  if (code === 'NO_LEADER' || /No cluster leader/.test(message))
    return ['has no leader', 'without one nobody knows what is up to date; are most of its servers up?'];
  if (code === 'FOREIGN' || /^(?:HPE_|3\d\d$|404$|405$)/.test(code)) {
    return [`does not answer as a consul does${message && `: ${oneLine(message)}`}`, 'is that its HTTP port?'];
  }
  return describeTransport(`${code}: ${oneLine(message)}`, words);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 200);
}
