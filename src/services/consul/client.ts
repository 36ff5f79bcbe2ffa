import type { Endpoint } from '../address.ts';
import { ConsulFailure, isLost } from './failure.ts';
import type { Transactions } from './transactions.ts';
import { type Answer, openAgent, send, type Tls, textOf } from './transport.ts';

/** How to get at a Consul. `tls` present means TLS. */
export interface ConsulAddress {
  readonly endpoints: readonly Endpoint[];
  /** The beginning of the keys, without a leading slash. Empty for all of them. */
  readonly root: Uint8Array;
  readonly tls?: Tls | undefined;
  readonly token?: string;
  /** Another one than that of the server. */
  readonly datacenter?: string;
  readonly namespace?: string;
  readonly partition?: string;
  /** How long an endpoint may be silent, fall behind with a long answer, or take for a short one, in milliseconds. */
  readonly timeout: number;
}

export interface Question {
  readonly query?: { readonly [name: string]: string };
  /** Sent as JSON, and by POST. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Answers beside 200 that are no failure. */
  readonly accept?: readonly number[];
}

/**
 * The requests that the driver makes. Each fails with a `ConsulFailure`. All of them can be sent again without harm, so
 * one that an endpoint did not answer goes to the next.
 */
export interface ConsulClient extends Transactions {
  /** The path is below `/v1/`. */
  ask(path: string, question?: Question): Promise<Answer>;
  close(): void;
}

export function openClient({ endpoints, tls, token, timeout, ...address }: ConsulAddress): ConsulClient {
  const { datacenter, namespace, partition } = address;
  const agent = openAgent(tls);
  const headers = {
    ...(token !== undefined && { 'X-Consul-Token': token }),
    ...(namespace !== undefined && { 'X-Consul-Namespace': namespace }),
  };
  const defaults = {
    ...(datacenter !== undefined && { dc: datacenter }),
    ...(partition !== undefined && { partition }),
  };
  const opened = new Map<Endpoint, Promise<Transactions>>();
  let current = 0;

  async function onAny<Result>(attempt: (endpoint: Endpoint) => Promise<Result>): Promise<Result> {
    for (let tried = 1; ; tried++) {
      const index = current;
      const endpoint = endpoints[index];
      if (!endpoint) throw new RangeError('no such endpoint');
      try {
        return await attempt(endpoint);
      } catch (thrown) {
        if (!isLost(thrown) || tried >= endpoints.length) throw thrown;
        if (current === index) current = (index + 1) % endpoints.length;
      }
    }
  }

  async function transactionsOf(endpoint: Endpoint): Promise<Transactions> {
    const { openTransactions } = await import('./transactions.ts');
    const input = { endpoint, agent, secure: tls !== undefined, headers, defaults, timeout };
    const transactions = opened.get(endpoint) ?? openTransactions(input);
    opened.set(endpoint, transactions);
    return transactions;
  }

  return {
    ask(path, { query = {}, body, signal, accept = [] } = {}) {
      const request = {
        method: body === undefined ? 'GET' : 'POST',
        path: `/v1/${path}?${new URLSearchParams({ ...query, ...defaults })}`,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
      } as const;
      return onAny(async (endpoint) => {
        const answer = await send(endpoint, agent, request, timeout);
        const { status } = answer;
        if (status === 200 || accept.includes(status)) return answer;
        const isText = answer.headers['content-type']?.startsWith('text/plain') ?? true;
        const text = await textOf(answer);
        throw new ConsulFailure(String(status), isText ? text : `it says ${status}`, answer.endpoint);
      });
    },

    transact: (operations) => onAny(async (endpoint) => (await transactionsOf(endpoint)).transact(operations)),
    create: (key, value, flags) =>
      onAny(async (endpoint) => (await transactionsOf(endpoint)).create(key, value, flags)),
    close: () => agent.destroy(),
  };
}
