import { commitTime, committerIdentity, makeCommit } from '../git/commit.ts';
import { writeObjects } from '../git/graph.ts';
import { objectId } from '../git/pack.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import { type Change, diffSnapshots, kindOf } from '../snapshot/diff.ts';
import { encodeManifest } from '../snapshot/manifest.ts';
import { encodeMessage, type SnapshotReport, type Trailers } from '../snapshot/message.ts';
import { directoryMode, type Oid } from '../snapshot/objects.ts';
import { encodeTree } from '../snapshot/tree.ts';
import { openSnapshot } from '../snapshot/walk.ts';
import { version } from '../version.ts';
import { readMoment, storeTrees } from './history.ts';
import { lastSnapshot } from './last-snapshot.ts';

/** What a backup just found in a service. */
export interface Found {
  /** A commit of ours in which the store is as it was found. */
  readonly commit: Oid;
  readonly report: SnapshotReport;
}

/**
 * Where another host put the same store on a remote's branch in another state, and the service is back in the one that we
 * have already, there is nothing new to push, and the newest snapshot there would be wrong. Then ours is put on top of `tip`
 * once more, and the new commit is answered; `tip` itself where that is not so. What cannot be told does not count: a
 * snapshot that is not complete, a later revision of the same cluster, a host that leaves out other nodes, and values that
 * differ in their ciphertexts alone: two hosts would exchange those for ever.
 */
export async function restate(
  repository: Repository,
  reader: ObjectReader,
  { commit, report }: Found,
  tip: Oid,
): Promise<Oid> {
  const { store } = report;
  const onto = await readMoment(reader, tip);
  const ours = (await storeTrees(reader, await readMoment(reader, commit))).get(store);
  const theirs = await lastSnapshot(reader, onto, store);
  if (ours === undefined || !theirs || theirs.snapshot.tree === ours) return tip;
  if (report.unreadable > 0 || report.hidden !== undefined || isLater(theirs.trailers, report)) return tip;

  const counts = { added: 0, changed: 0, removed: 0 };
  const snapshot = await openSnapshot(store, ours, reader);
  if (!sameBytes(encodeManifest(snapshot.manifest), encodeManifest(theirs.snapshot.manifest))) return tip;
  await diffSnapshots(theirs.snapshot, snapshot, (change) => {
    if (!isSealedAnew(change)) counts[kindOf(change)] += 1;
  });
  if (counts.added + counts.changed + counts.removed === 0) return tip;

  const entries = (await reader.readTree(onto.commit.tree)).filter(({ name }) => name !== store);
  const tree = encodeTree([...entries, { mode: directoryMode, name: store, oid: ours }]);
  const anew = await makeCommit(repository, {
    tree: objectId('tree', tree),
    parents: [tip],
    author: await committerIdentity(repository),
    time: commitTime(onto.commit.committer.time),
    message: encodeMessage({ ...report, ...counts }, version),
  });
  await writeObjects(repository, [
    { type: 'tree', content: tree },
    { type: 'commit', content: anew },
  ]);
  return objectId('commit', anew);
}

/** Whether a snapshot was made after what was found, by the service's own clock. */
function isLater(trailers: Trailers, { identity, revision }: SnapshotReport): boolean {
  const known = trailers.get('Revision');
  const areNumbers = [known, revision].every((text) => text !== undefined && /^\d+$/.test(text));
  if (!areNumbers || trailers.get('Identity') !== identity) return false;
  return BigInt(known ?? 0) > BigInt(revision ?? 0);
}

function isSealedAnew({ before, after }: Change): boolean {
  return (
    before?.value?.encrypted === true && after?.value?.encrypted === true && before.attributes === after.attributes
  );
}
