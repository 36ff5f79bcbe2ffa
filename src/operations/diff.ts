import type { Decryptor } from '../ciphers/cipher.ts';
import { TreekeeperError } from '../errors.ts';
import { isServiceUrl } from '../services/address.ts';
import { type Change, diffSnapshots } from '../snapshot/diff.ts';
import type { Attributes } from '../snapshot/node.ts';
import type { Entry, Snapshot } from '../snapshot/walk.ts';
import { connect, type Surroundings } from './connect.ts';
import { openContents } from './contents.ts';
import { liveSnapshot } from './live.ts';
import type { OpenRepository } from './open.ts';
import type { PlanOptions } from './plan-restore.ts';
import { locate } from './revision.ts';

/** Two snapshots side by side, of which the second may be a live service. */
export interface Comparison {
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly changes: readonly Change[];
}

/** One side of a change with its contents. `undefined` is a value that is not at hand: encrypted, or too large to keep. */
export interface Side {
  readonly value: Uint8Array | null | undefined;
  readonly attributes: Attributes | undefined;
}

/**
 * Compares the snapshot that `before` names with `after`: another one, the URL of a service or a store of the
 * configuration, which is then read live. Only nodes at and below `key`, where given. Throws as `locate` and `connect` do.
 */
export async function compare(
  { repository, reader }: OpenRepository,
  { before, after, store }: { before: string; after: string; store?: string | undefined },
  surroundings: Surroundings,
  options: PlanOptions = {},
): Promise<Comparison> {
  const { snapshot } = await locate(reader, repository, before, store);
  const changes: Change[] = [];
  if (!isServiceUrl(after) && !surroundings.config?.stores[after]) {
    const other = await locate(reader, repository, after, store);
    await diffSnapshots(snapshot, other.snapshot, (change) => changes.push(change));
    return { before: snapshot, after: other.snapshot, changes };
  }

  const source = await connect(after, surroundings);
  await using service = source.service;
  // What the store leaves out on purpose is no difference.
  const { include, exclude, ephemeral, encrypt } = snapshot.manifest;
  const live = await liveSnapshot(
    { store: source.store, service, policy: { include, exclude, ephemeral, encrypt } },
    snapshot,
    { ...options, decryptor: surroundings.decryptor },
  );
  await diffSnapshots(snapshot, live, (change) => changes.push(change));
  return { before: snapshot, after: live, changes };
}

/** Without a key it is still told which values changed. */
function unlessSecret(thrown: unknown): undefined {
  if (thrown instanceof TreekeeperError && thrown.code === 'decrypt') return undefined;
  throw thrown;
}

/** Reads what the entries of one snapshot hold. Throws `TreekeeperError('integrity')` on what is damaged. */
export function sideReader(snapshot: Snapshot, decryptor?: Decryptor): (entry: Entry) => Promise<Side> {
  const contents = openContents(snapshot, decryptor);
  return async (entry) => ({
    value: await contents.value(entry).catch(unlessSecret),
    attributes: await contents.attributes(entry),
  });
}
