import { hashSink } from '../git/hash-sink.ts';
import { OidSet } from '../git/oid-set.ts';
import type { ObjectReader } from '../git/reader.ts';
import { decodeTrailers } from '../snapshot/message.ts';
import type { Oid } from '../snapshot/objects.ts';
import { openSnapshot } from '../snapshot/walk.ts';
import { type Moment, storeHistory } from './history.ts';
import type { BurryArchive } from './import-archive.ts';
import type { Policy } from './read.ts';
import { takeSnapshot } from './take.ts';

/**
 * The commit that has an archive already: the one that was made of it, or else, with a policy to read it by, the one in which
 * the store was, at the time of the archive, what the archive holds, so that importing it made no commit. Encrypted values
 * cannot be compared; there only the first is told.
 */
export async function presentSnapshot(
  reader: ObjectReader,
  tip: Moment,
  store: string,
  { id, time, service }: BurryArchive,
  policy: Policy | undefined,
): Promise<Oid | undefined> {
  let before: { oid: Oid; tree: Oid } | undefined;
  for await (const { oid, tree, commit } of storeHistory(reader, tip, [store])) {
    if (decodeTrailers(commit.message).get('Imported') === `burry ${id}`) return oid;
    if (tree !== undefined && commit.committer.time <= time) before ??= { oid, tree };
    if (commit.committer.time < time) break;
  }
  if (!before || !policy || (policy.encrypt ?? []).length > 0) return undefined;

  const sink = hashSink(new OidSet());
  const previous = await openSnapshot(store, before.tree, reader);
  const { tree } = await takeSnapshot(service, policy, { sink, previous });
  return tree === before.tree ? before.oid : undefined;
}
