import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import { sameEntry } from '../snapshot/diff.ts';
import { decodeTrailers } from '../snapshot/message.ts';
import type { Oid } from '../snapshot/objects.ts';
import { findNode, openSnapshot } from '../snapshot/walk.ts';
import { isStore, type StoreMoment, storeHistory } from './history.ts';
import type { OpenRepository } from './open.ts';
import { listStores, resolveRevision } from './revision.ts';

/** One line of a history. */
export interface LogEntry {
  readonly oid: Oid;
  /** Seconds since 1970. */
  readonly time: number;
  readonly store: string;
  readonly subject: string;
  /** Whether every node could be read. */
  readonly complete: boolean;
  /** For the history of one key: what became of it. */
  readonly change: KeyChange | undefined;
}

export type KeyChange = 'added' | 'changed' | 'removed' | 'changed below';

/**
 * The snapshots of the branch, newest first: of one store or of all, and with a key only those in which the node or
 * anything below it is not what it was before. Throws `TreekeeperError('usage')` where there is no such store, or no
 * snapshot ever had the key.
 */
export async function* history(
  { repository, reader }: OpenRepository,
  store?: string,
  key?: Uint8Array,
): AsyncGenerator<LogEntry> {
  const tip = await resolveRevision(reader, repository, '');
  let found = false;
  for await (const moment of storeHistory(reader, tip, store === undefined ? undefined : [store])) {
    if (!(await isStoreMoment(reader, moment))) continue;
    const change = key === undefined ? undefined : await keyChange(reader, moment, key);
    if (key !== undefined && change === undefined) continue;

    found = true;
    const { message, committer } = moment.commit;
    yield {
      oid: moment.oid,
      time: committer.time,
      store: moment.store,
      subject: message.split('\n', 1)[0] ?? '',
      complete: !decodeTrailers(message).get('Complete')?.startsWith('no'),
      change,
    };
  }
  if (found || (store === undefined && key === undefined)) return;
  throw new TreekeeperError(
    'usage',
    key === undefined ? `there is no store ${store}` : 'no snapshot ever had this key',
    {
      hint: `the stores there are: ${(await listStores(reader, tip)).join(', ')}`,
    },
  );
}

async function isStoreMoment(reader: ObjectReader, { tree, previousTree }: StoreMoment): Promise<boolean> {
  const present = tree ?? previousTree;
  return present !== undefined && isStore(reader, present);
}

async function keyChange(
  reader: ObjectReader,
  { store, tree, previousTree }: StoreMoment,
  key: Uint8Array,
): Promise<KeyChange | undefined> {
  const find = async (at: Oid | undefined) =>
    at === undefined ? undefined : findNode(await openSnapshot(store, at, reader), key);
  const [is, was] = [await find(tree), await find(previousTree)];
  if (is?.entry && was?.entry) {
    if (!sameEntry(is.entry, was.entry)) return 'changed';
  } else if (is?.entry || was?.entry) {
    return is?.entry ? 'added' : 'removed';
  }
  return is?.subtree === was?.subtree ? undefined : 'changed below';
}
