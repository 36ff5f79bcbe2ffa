import { openReader } from '../git/open-reader.ts';
import { readBranch } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { diffSnapshots } from '../snapshot/diff.ts';
import type { Oid } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import { type Entry, openSnapshot, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { readMoment, storeTrees } from './history.ts';
import { clearInHistory } from './in-clear.ts';
import { knownState } from './push.ts';
import type { Remote } from './remotes.ts';
import { listStores } from './revision.ts';

/** A store of which a push brings values in clear to a remote for the first time. */
export interface Exposure {
  readonly store: string;
  /** How many values of its last snapshot are not encrypted. */
  readonly values: number;
  /** How many more were not in earlier snapshots, which go there as well. */
  readonly earlier: number;
}

/**
 * The stores of which the next push brings values in clear to a remote that had none of theirs so far, as far as is known
 * without asking it.
 */
export async function findExposures(repository: Repository, remote: Remote): Promise<Exposure[]> {
  const ours = await readBranch(repository);
  if (ours === undefined) return [];
  const { tip, included = tip } = await knownState(repository, remote);
  if (included === ours) return [];
  await using reader = await openReader(repository);
  const moment = await readMoment(reader, ours);
  const trees = await storeTrees(reader, moment);
  const before =
    included === undefined ? new Map<string, Oid>() : await storeTrees(reader, await readMoment(reader, included));
  const exposures: Exposure[] = [];
  for (const store of await listStores(reader, moment)) {
    const [tree = '', known] = [trees.get(store), before.get(store)];
    if (tree === known) continue;
    const snapshot = await openSnapshot(store, tree, reader);
    if (known !== undefined && !(await isNew(snapshot, await openSnapshot(store, known, reader)))) continue;
    const keys = await clearKeys(snapshot);
    const earlier = known === undefined ? await clearInHistory(reader, moment, store, isClear) : [];
    const more = earlier.filter(({ key }) => !keys.has(latin1(key))).length;
    if (keys.size + more > 0) exposures.push({ store, values: keys.size, earlier: more });
  }
  return exposures;
}

const isClear = ({ value }: Entry) => value !== null && !value.encrypted;

/** Whether a snapshot has values in clear, and the one before had none. */
async function isNew(snapshot: Snapshot, before: Snapshot): Promise<boolean> {
  let found = false;
  await diffSnapshots(before, snapshot, ({ after }) => {
    found ||= after !== undefined && isClear(after);
  });
  return found && (await clearKeys(before)).size === 0;
}

async function clearKeys(snapshot: Snapshot): Promise<Set<string>> {
  const keys = new Set<string>();
  await walkSnapshot(snapshot, (entry) => void (isClear(entry) && keys.add(latin1(entry.key))));
  return keys;
}
