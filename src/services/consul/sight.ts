import { TreekeeperError } from '../../errors.ts';
import type { ConsulClient } from './client.ts';
import { ConsulFailure, failureOf } from './failure.ts';
import { textOf } from './transport.ts';

/** Consul answers so many questions about rights in one request. */
export const mostQuestions = 64;

/**
 * Whether this client may read all keys that begin with each of `prefixes`, as far as one rule can say it: a rule further
 * down may still take something away. `undefined` where this Consul does not tell.
 *
 * Consul leaves out of its answers, without a word before version 1.11, what the token may not read, so that no rights
 * look like no keys.
 */
export async function mayRead(
  client: ConsulClient,
  prefixes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly boolean[] | undefined> {
  const body = prefixes.map((prefix) => ({ Resource: 'key', Access: 'read', Segment: prefix }));
  const answer = await client.ask('internal/acl/authorize', { body, signal, accept: [400, 401, 404, 405] });
  const text = await textOf(answer);
  if (answer.status === 401) return prefixes.map(() => true);
  if (answer.status !== 200) return undefined;
  try {
    const rights: { Allow: boolean }[] = JSON.parse(text);
    return prefixes.map((_, index) => rights[index]?.Allow === true);
  } catch (thrown) {
    throw failureOf(thrown, answer.endpoint);
  }
}

/** Throws where there are ACLs, and the token is none that they know: what is empty then may not be. */
export async function checkToken(client: ConsulClient, signal: AbortSignal | undefined): Promise<void> {
  const answer = await client.ask('acl/token/self', { signal, accept: [401] });
  await textOf(answer);
}

/** Nothing was read, and the client may not read all of it. */
export function sightless(what: string): TreekeeperError {
  return new TreekeeperError('unreachable', `consul shows nothing of ${what}, and ${noRight(what)}`, {
    hint: 'give a token that may with CONSUL_HTTP_TOKEN, or name what may be read as the root (consul://HOST/app/)',
  });
}

export function noRight(what: string): string {
  return `the token does not allow to read ${what}`;
}

/** How a prefix is called in a sentence. */
export function nameOf(prefix: string): string {
  return prefix === '' ? 'all keys' : `the keys that begin with ${JSON.stringify(prefix)}`;
}

/** What `GET /v1/kv` says about its own answer. */
export interface Head {
  readonly index: string;
  /** Something was left out. */
  readonly filtered: boolean;
}

/** Throws `ConsulFailure` where no Consul would answer like this, or one that does not know what is up to date. */
export function readHead(headers: { readonly [name: string]: unknown }, endpoint: string): Head {
  const index = headers['x-consul-index'];
  if (typeof index !== 'string') throw new ConsulFailure('FOREIGN', '', endpoint);
  if (headers['x-consul-knownleader'] === 'false') throw new ConsulFailure('NO_LEADER', '', endpoint);
  return { index, filtered: headers['x-consul-results-filtered-by-acls'] === 'true' };
}
