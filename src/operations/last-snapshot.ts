import type { ObjectReader } from '../git/reader.ts';
import { type Change, diffSnapshots, kindOf } from '../snapshot/diff.ts';
import { type Counts, decodeTrailers, type Trailers } from '../snapshot/message.ts';
import type { Oid } from '../snapshot/objects.ts';
import { openSnapshot, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { type Moment, storeTrees } from './history.ts';
import { lastChange } from './revision.ts';

/** The snapshot that a new one of the store follows. */
export interface LastSnapshot {
  /** Of its commit. */
  readonly oid: Oid;
  /** When the service was read, in seconds since 1970. */
  readonly time: number;
  readonly snapshot: Snapshot;
  readonly trailers: Trailers;
}

export async function lastSnapshot(
  reader: ObjectReader,
  tip: Moment,
  store: string,
): Promise<LastSnapshot | undefined> {
  const tree = (await storeTrees(reader, tip)).get(store);
  const change = tree === undefined ? undefined : await lastChange(reader, tip, store);
  if (tree === undefined || !change) return undefined;
  return {
    oid: change.oid,
    time: change.commit.author.time,
    snapshot: await openSnapshot(store, tree, reader),
    trailers: decodeTrailers(change.commit.message),
  };
}

/** How a new snapshot of `nodes` differs from the last one, node by node into `changes` where given, and how many nodes that one has. */
export async function compareWithLast(
  last: Snapshot | undefined,
  snapshot: Snapshot,
  nodes: number,
  changes: Change[] | undefined,
): Promise<{ counts: Counts; before: number }> {
  const counts = { added: 0, changed: 0, removed: 0 };
  if (!last) {
    if (changes)
      await walkSnapshot(snapshot, (entry) => changes.push({ key: entry.key, before: undefined, after: entry }));
    return { counts: { ...counts, added: nodes }, before: 0 };
  }

  await diffSnapshots(last, snapshot, (change) => {
    counts[kindOf(change)] += 1;
    changes?.push(change);
  });
  return { counts, before: nodes - counts.added + counts.removed };
}
