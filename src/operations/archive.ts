import { TreekeeperError } from '../errors.ts';
import { commitTime, committerIdentity, makeCommit } from '../git/commit.ts';
import { writeObjects } from '../git/graph.ts';
import { acquireLock } from '../git/lock.ts';
import { openReader } from '../git/open-reader.ts';
import { objectId } from '../git/pack.ts';
import { listRefs, moveRefs } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { followWorkTree } from '../git/work-tree.ts';
import type { Oid, TreeEntry } from '../snapshot/objects.ts';
import { encodeTree } from '../snapshot/tree.ts';
import { readTip } from './commit-store.ts';
import { type Moment, readMoment, type StoreMoment } from './history.ts';
import { replay } from './replay.ts';
import { lastChange, listStores } from './revision.ts';

export interface ArchiveResult {
  /** The ref that has the whole history up to now. */
  readonly archive: string;
  /** The tip of the fresh history: the present state, each store with the message of its last snapshot. */
  readonly tip: Oid;
  readonly before: Oid;
  readonly advice: string | undefined;
}

/**
 * Starts the branch afresh from the present state, and keeps the history so far under a dated ref. Both happen at once or
 * not at all. Each store begins with its last snapshot under its own message and date, so that the guards know what it was
 * made from. Throws `TreekeeperError('usage')` where there is no history, `'locked'` and `'failed'`.
 */
export async function archive(repository: Repository, now = new Date()): Promise<ArchiveResult> {
  await using _lock = await acquireLock(repository);
  await using reader = await openReader(repository);
  const tip = await readTip(reader, repository);
  if (!tip) throw new TreekeeperError('usage', 'there is nothing to archive: the branch has no snapshot yet');

  const last: StoreMoment[] = [];
  for (const store of await listStores(reader, tip)) {
    const change = await lastChange(reader, tip, store);
    if (change) last.push(change);
  }
  const commits = [...new Map(last.map((moment) => [moment.oid, moment.commit.committer.time]))]
    .sort(([, a], [, b]) => a - b)
    .map(([oid]) => oid);
  const start = await startAfresh(repository, tip, (await reader.readTree(tip.commit.tree)).filter(isNoStore));
  const fresh = await replay(repository, reader, commits, start, new Set(last.map(({ store }) => store)));
  if ((await readMoment(reader, fresh)).commit.tree !== tip.commit.tree)
    throw new TreekeeperError('failed', 'the fresh history would not end with the present state: nothing was changed');

  const ref = await freeName(repository, now.toISOString().slice(0, 10));
  const moves = [
    { ref, from: undefined, to: tip.oid },
    { ref: repository.branch, from: tip.oid, to: fresh },
  ];
  await moveRefs(repository, moves, 'treekeeper: archive');
  return { archive: ref, tip: fresh, before: tip.oid, advice: await followWorkTree(repository, tip.oid, fresh) };

  function isNoStore({ name }: TreeEntry): boolean {
    return !last.some(({ store }) => store === name);
  }
}

/** A first commit with everything that is no store. */
async function startAfresh(repository: Repository, tip: Moment, entries: readonly TreeEntry[]): Promise<Oid> {
  const tree = encodeTree([...entries]);
  const author = await committerIdentity(repository);
  const time = commitTime(undefined);
  const message = `start afresh\n\nThe history before is that of ${tip.oid}.\n`;
  const commit = await makeCommit(repository, { tree: objectId('tree', tree), parents: [], author, time, message });
  await writeObjects(repository, [
    { type: 'tree', content: tree },
    { type: 'commit', content: commit },
  ]);
  return objectId('commit', commit);
}

async function freeName({ gitDir, branch }: Repository, date: string): Promise<string> {
  const base = `refs/archive/${branch.slice('refs/heads/'.length)}-${date}`;
  const taken = await listRefs(gitDir, 'refs/archive');
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}.${number}`;
  return name;
}
