import { latin1 } from '../snapshot/paths.ts';
import { type Entry, walkSnapshot } from '../snapshot/walk.ts';
import { changesBetween } from './diff.ts';
import { type StoreMoment, storeHistory } from './history.ts';
import { inOrder } from './in-order.ts';
import { keyFollower } from './log.ts';
import type { OpenRepository } from './open.ts';
import { locate } from './revision.ts';

/** A node with the snapshot in which it became what it is. */
export interface Blamed {
  readonly entry: Entry;
  readonly moment: StoreMoment;
}

/** Moments of which the changes are looked for at once. */
const atOnce = 8;

/**
 * For every node at and below `key` (of all of them without it), in the order of the keys, the snapshot that last added or
 * changed it, up to the one that `revision` names. Throws as `locate` does.
 */
export async function blame(
  { repository, reader }: OpenRepository,
  { key, revision, store }: { key: Uint8Array | undefined; revision: string; store: string | undefined },
): Promise<Blamed[]> {
  const { snapshot, moment } = await locate(reader, repository, revision, store);
  const entries: Entry[] = [];
  await walkSnapshot(snapshot, (entry) => entries.push(entry), key);
  const open = new Set(entries.map((entry) => latin1(entry.key)));
  const found = new Map<string, StoreMoment>();

  const follow = key && keyFollower(reader, key);
  const examine = async (change: StoreMoment) => {
    const isInvolved = !follow || (await follow(change)) !== undefined;
    return { change, keys: isInvolved ? await keysSet(change) : [] };
  };
  const moments = inOrder(storeHistory(reader, moment, [snapshot.store]), examine, atOnce);
  for await (const { change, keys } of open.size > 0 ? moments : []) {
    for (const name of keys) if (open.delete(name)) found.set(name, change);
    if (open.size === 0) break;
  }
  return entries.flatMap((entry) => {
    const last = found.get(latin1(entry.key));
    return last ? [{ entry, moment: last }] : [];
  });

  async function keysSet(change: StoreMoment): Promise<string[]> {
    const { changes } = await changesBetween(reader, change, key);
    return changes.flatMap(({ after }) => (after ? latin1(after.key) : []));
  }
}
