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

/** A service that a store was read from, as `Identity` and `Reading` told of it then. */
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

/**
 * Throws `TreekeeperError('guard')` where the service is none of those that the store may be read from: the one that its last
 * snapshot was made from, which comes first, and any that was allowed beside it.
 */
export function guardIdentity(
  store: string,
  { cluster }: Identity,
  origins: readonly Origin[],
  overridden: ReadonlySet<Guard>,
): void {
  const [last] = origins;
  if (last?.cluster === undefined || cluster === undefined || overridden.has('other-source')) return;
  if (origins.some((origin) => origin.cluster === cluster)) return;
  refuse('other-source', `the store ${store} was made from ${last.cluster} (${last.source}), and this is ${cluster}`);
}

/** Throws `TreekeeperError('guard')` where the service's revision is lower than it was, in all that is known of it. */
export function guardRevision(
  { revision }: Reading,
  { cluster }: Identity,
  origins: readonly Origin[],
  overridden: ReadonlySet<Guard>,
): void {
  const [last, ...others] = origins.filter((origin) => origin.cluster === cluster);
  if (!last || overridden.has('older-source')) return;
  if (![last, ...others].every((origin) => isOlder(revision, origin.revision))) return;
  refuse('older-source', `the service is at revision ${revision}, and the last snapshot was made at ${last.revision}`);
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

/** Of what is no number, nobody can tell. */
function isOlder(revision: string | undefined, known: string | undefined): boolean {
  const areNumbers = [revision, known].every((text) => text !== undefined && /^\d+$/.test(text));
  return areNumbers && BigInt(revision ?? 0) < BigInt(known ?? 0);
}
