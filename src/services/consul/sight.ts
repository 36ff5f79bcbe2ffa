import { TreekeeperError } from '../../errors.ts';
import type { ConsulClient } from './client.ts';
import { failureOf } from './failure.ts';
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
export function mayRead(
  client: ConsulClient,
  prefixes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly boolean[] | undefined> {
  return askRights(client, prefixes, 'read', signal);
}

/** Whether this client has a right to each of some keys, or prefixes of keys; `undefined` where this Consul does not tell. */
export async function askRights(
  client: ConsulClient,
  prefixes: readonly string[],
  access: 'read' | 'write',
  signal: AbortSignal | undefined,
): Promise<readonly boolean[] | undefined> {
  const body = prefixes.map((prefix) => ({ Resource: 'key', Access: access, Segment: prefix }));
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

/** Whether there are ACLs. Throws where there are, and the token is none that they know. */
export async function hasAcls(client: ConsulClient, signal: AbortSignal | undefined): Promise<boolean> {
  const answer = await client.ask('acl/token/self', { signal, accept: [401] });
  await textOf(answer);
  return answer.status !== 401;
}

/** Nothing was read, and the client may not read all of it. */
export function sightless(what: string): TreekeeperError {
  return new TreekeeperError('unreachable', `consul shows nothing of ${what}, and ${noRight(what)}`, {
    hint: 'give a token that may with CONSUL_HTTP_TOKEN, or name what may be read as the root (consul://HOST/app/)',
  });
}

export function noRight(what: string, access: 'read' | 'write' = 'read'): string {
  return `the token does not allow to ${access} ${what}`;
}

/** How a prefix is called in a sentence. */
export function nameOf(prefix: string): string {
  return prefix === '' ? 'all keys' : `the keys that begin with ${JSON.stringify(prefix)}`;
}
