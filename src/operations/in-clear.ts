import type { ObjectReader } from '../git/reader.ts';
import { diffSnapshots } from '../snapshot/diff.ts';
import type { EncryptRule } from '../snapshot/manifest.ts';
import type { Oid } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import { type Entry, openSnapshot, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { isStore, type Moment, storeHistory } from './history.ts';
import { compileRules } from './rules.ts';

/** A value that rules would hide, and that lies in clear in a snapshot of the history. */
export interface ClearInHistory {
  readonly key: Uint8Array;
  /** The newest commit whose snapshot has it so. */
  readonly until: Oid;
}

/** The keys whose values lie in clear in a snapshot though its own rules, or those given, say that they are encrypted. */
export async function clearValues(snapshot: Snapshot, rules = snapshot.manifest.encrypt ?? []): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  if (rules.length === 0) return keys;
  const isClear = await clearBy(rules);
  await walkSnapshot(snapshot, (entry) => void (isClear(entry) && keys.push(entry.key)));
  return keys;
}

/**
 * The same for everything that the store had before the snapshot at `moment`, each key once. Whoever can read the
 * repository can read these values, until its history is begun afresh and the old one is gone everywhere.
 */
export async function clearValuesInHistory(
  reader: ObjectReader,
  moment: Moment,
  store: string,
  rules: readonly EncryptRule[],
): Promise<ClearInHistory[]> {
  return rules.length === 0 ? [] : clearInHistory(reader, moment, store, await clearBy(rules));
}

/** The same for whatever counts as a value in clear. */
export async function clearInHistory(
  reader: ObjectReader,
  moment: Moment,
  store: string,
  isClear: (entry: Entry) => boolean,
): Promise<ClearInHistory[]> {
  const found = new Map<string, ClearInHistory>();
  for await (const { tree, previousTree, commit } of storeHistory(reader, moment, [store])) {
    const [until] = commit.parents;
    if (previousTree === undefined || until === undefined || !(await isStore(reader, previousTree))) continue;
    const before = await openSnapshot(store, previousTree, reader);
    const note = (entry: Entry | undefined) => {
      if (entry && isClear(entry) && !found.has(latin1(entry.key)))
        found.set(latin1(entry.key), { key: entry.key, until });
    };
    // Whatever stood before and is no longer there is on the one side of some difference.
    if (tree === undefined || !(await isStore(reader, tree))) await walkSnapshot(before, note);
    else await diffSnapshots(before, await openSnapshot(store, tree, reader), (change) => note(change.before));
  }
  return [...found.values()];
}

async function clearBy(rules: readonly EncryptRule[]): Promise<(entry: Entry) => boolean> {
  const ruleFor = await compileRules(rules);
  return ({ key, value }) => value !== null && !value.encrypted && ruleFor(key) !== undefined;
}
