import type { Decryptor } from '../ciphers/cipher.ts';
import { OidSet } from '../git/oid-set.ts';
import type { Change } from '../snapshot/diff.ts';
import { type Entry, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { changesBetween, type Side, sideReader } from './diff.ts';
import { isStoreMoment, type StoreMoment, storeHistory } from './history.ts';
import { inOrder } from './in-order.ts';
import type { Matcher } from './match.ts';
import type { OpenRepository } from './open.ts';
import { locateStores } from './revision.ts';

/** What is looked for, and where. */
export interface FindRequest {
  readonly matcher: Matcher;
  /** In values too, not only in keys. */
  readonly inValues: boolean;
  readonly revision: string;
  /** Without it, in all of them. */
  readonly store: string | undefined;
  /** Only at and below it. */
  readonly below: Uint8Array | undefined;
  readonly decryptor: Decryptor | undefined;
}

/** A node that has what is looked for. */
export interface Match {
  readonly store: string;
  readonly key: Uint8Array;
  readonly where: 'key' | 'value';
  /** The value that matches; `undefined` where it was the key. */
  readonly value: Uint8Array | undefined;
}

/** A node that began or ceased to have it. */
export interface Appearance extends Match {
  readonly what: 'appeared' | 'vanished';
  readonly moment: StoreMoment;
}

/** What a search has to tell beside what it found. */
export interface Searched {
  /** Stores that are looked into. */
  stores: number;
  /** Encrypted values that no key opened, each counted once. */
  unopened: number;
}

/** Values that are read at once, and snapshots that are compared. */
const atOnce = 64;
const momentsAtOnce = 4;

/** Searches one snapshot, of one store or of all, in the order of the keys. Throws as `locate` does. */
export async function* findInSnapshot(
  { repository, reader }: OpenRepository,
  request: FindRequest,
  searched: Searched,
): AsyncGenerator<Match> {
  const { revision, store, below } = request;
  const { snapshots } = await locateStores(reader, repository, revision, store);
  searched.stores = snapshots.length;
  const look = lookup(request, searched);
  for (const snapshot of snapshots) {
    const entries: Entry[] = [];
    await walkSnapshot(snapshot, (entry) => entries.push(entry), below);
    const matches = inOrder(entries, (entry) => look(snapshot, entry), atOnce);
    for await (const match of matches) if (match) yield match;
  }
}

/**
 * Tells in which snapshots nodes began and ceased to have what is looked for, newest first, up to the one that `revision`
 * names. A value that changed and has it before and after is no event. Throws as `locate` does.
 */
export async function* findInHistory(
  { repository, reader }: OpenRepository,
  request: FindRequest,
  searched: Searched,
): AsyncGenerator<Appearance> {
  const { revision, store, below } = request;
  const { moment: tip, store: only, snapshots } = await locateStores(reader, repository, revision, store);
  searched.stores = snapshots.length;
  const look = lookup(request, searched);
  const compare = async (moment: StoreMoment) =>
    (await isStoreMoment(reader, moment)) && { moment, ...(await changesBetween(reader, moment, below)) };
  const moments = storeHistory(reader, tip, only === undefined ? undefined : [only]);
  for await (const compared of inOrder(moments, compare, momentsAtOnce)) {
    if (!compared) continue;
    const { moment, before, after, changes } = compared;
    const examine = async (change: Change) => ({
      was: change.before && before && (await look(before.snapshot, change.before)),
      is: change.after && after && (await look(after.snapshot, change.after)),
    });
    for await (const { was, is } of inOrder(changes, examine, atOnce)) {
      if (was && !is) yield { ...was, what: 'vanished', moment };
      if (is && !was) yield { ...is, what: 'appeared', moment };
    }
  }
}

/** Looks into one node. A value is searched once, however many nodes and snapshots have it. */
function lookup({ matcher, inValues, decryptor }: FindRequest, searched: Searched) {
  const [without, unopened] = [new OidSet(), new OidSet()];
  const readers = new Map<string, (entry: Entry) => Promise<Side>>();

  return async ({ store, source }: Snapshot, entry: Entry): Promise<Match | undefined> => {
    const { key, value: stored } = entry;
    if (matcher.key(key)) return { store, key, where: 'key', value: undefined };
    if (!inValues || !stored || without.has(stored.oid)) return undefined;

    const read = readers.get(store) ?? sideReader({ store, source }, decryptor);
    readers.set(store, read);
    const { value } = await read(entry);
    if (value && matcher.value(value)) return { store, key, where: 'value', value };
    if (value === undefined && unopened.add(stored.oid)) searched.unopened += 1;
    if (value) without.add(stored.oid);
    return undefined;
  };
}
