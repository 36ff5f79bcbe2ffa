import { TreekeeperError } from '../errors.ts';
import type { Identity, Reading } from '../services/service.ts';
import { count, type Trailers } from '../snapshot/message.ts';

/**
 * The guards keep a store from being replaced by something else by mistake. Each can be overridden by its flag.
 * `other-source`: the service is another cluster than the one that the store was made from.
 * `older-source`: the service's revision went backwards, as after a restore of the cluster from an old backup.
 * `mass-removal`: the service is suddenly empty, or most of its nodes are gone.
 */
export type Guard = 'other-source' | 'older-source' | 'mass-removal';

const flags: { readonly [guard in Guard]: string } = {
  'other-source': '--allow-other-source',
  'older-source': '--allow-older-source',
  'mass-removal': '--allow-mass-removal',
};

/** Below this number of nodes that are gone, only an empty service is suspicious. */
const manyNodes = 100;

/** The service that a store was read from last, as `Identity` and `Reading` told of it then. */
export interface Origin {
  readonly cluster?: string | undefined;
  readonly source?: string | undefined;
  readonly revision?: string | undefined;
}

/** What a snapshot's commit says of it. */
export function originOf(trailers: Trailers): Origin {
  return {
    cluster: trailers.get('Identity'),
    source: trailers.get('Source'),
    revision: trailers.get('Revision'),
  };
}

/** Throws `TreekeeperError('guard')` where the service is not the one that the store was read from. */
export function guardIdentity(store: string, identity: Identity, last: Origin, overridden: ReadonlySet<Guard>): void {
  const { cluster, source } = last;
  if (
    cluster === undefined ||
    identity.cluster === undefined ||
    cluster === identity.cluster ||
    overridden.has('other-source')
  )
    return;
  refuse('other-source', `the store ${store} was made from ${cluster} (${source}), and this is ${identity.cluster}`);
}

/** Throws `TreekeeperError('guard')` where the service's revision is lower than it was. */
export function guardRevision(
  { revision }: Reading,
  identity: Identity,
  last: Origin,
  overridden: ReadonlySet<Guard>,
): void {
  const known = last.revision;
  if (known === undefined || revision === undefined || overridden.has('older-source')) return;
  if (last.cluster !== identity.cluster || !isNumber(known) || !isNumber(revision) || BigInt(revision) >= BigInt(known))
    return;
  refuse('older-source', `the service is at revision ${revision}, and the last snapshot was made at ${known}`);
}

/**
 * Throws `TreekeeperError('guard')` where a store of `before` nodes would be left with `after`, `removed` of them gone. A
 * root node that is always there is not counted.
 */
export function guardRemoval(before: number, after: number, removed: number, overridden: ReadonlySet<Guard>): void {
  if (overridden.has('mass-removal') || before === 0) return;
  if (after === 0) refuse('mass-removal', `the service is empty, and the last snapshot has ${count(before)} nodes`);
  if (removed > manyNodes && removed * 2 > before) {
    refuse(
      'mass-removal',
      `${count(removed)} of the ${count(before)} nodes in the last snapshot are gone from the service`,
    );
  }
}

function refuse(guard: Guard, fact: string): never {
  throw new TreekeeperError('guard', fact, {
    hint: `nothing was recorded; if this is right, run it again with ${flags[guard]}`,
  });
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}
