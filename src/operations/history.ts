import { TreekeeperError } from '../errors.ts';
import { type Commit, decodeCommit } from '../git/commit.ts';
import type { ObjectReader } from '../git/reader.ts';
import { isStoreName, manifestName } from '../snapshot/manifest.ts';
import { decodeTrailers } from '../snapshot/message.ts';
import { directoryMode, type Oid } from '../snapshot/objects.ts';
import { inOrder } from './in-order.ts';

/** A commit with its id. */
export interface Moment {
  readonly oid: Oid;
  readonly commit: Commit;
}

/** A moment in which the tree of a store became another one. */
export interface StoreMoment extends Moment {
  readonly store: string;
  /** `undefined` where the store was removed. */
  readonly tree: Oid | undefined;
  readonly previousTree: Oid | undefined;
}

/** The commit that an id names; a tag is followed to what it tags. */
export async function readMoment(reader: ObjectReader, oid: Oid): Promise<Moment> {
  const object = await reader.read(oid);
  if (object.type === 'commit') return { oid, commit: decodeCommit(object.content) };

  const target =
    object.type === 'tag'
      ? /^object ([0-9a-f]{40})$/m.exec(Buffer.from(object.content).toString('latin1'))?.[1]
      : undefined;
  if (target !== undefined) return readMoment(reader, target);
  throw new TreekeeperError('usage', `${oid.slice(0, 10)} is a ${object.type}, not a snapshot`);
}

/** Commits that are read one after another before more are asked for at once: most callers want no more than these. */
const nearest = 8;
const readAhead = 512;

/** The commits from `moment` back to the first, newest first, along the first parents. */
export async function* ancestry(reader: ObjectReader, moment: Moment): AsyncGenerator<Moment> {
  const ahead = new Map<Oid, Promise<Moment>>();
  let current = moment;
  for (let distance = 0; ; distance++) {
    yield current;
    const [parent] = current.commit.parents;
    if (parent === undefined) return;

    if (distance >= nearest && !ahead.has(parent)) {
      ahead.clear();
      for (const oid of await reader.ancestors(parent, readAhead)) {
        const reading = readMoment(reader, oid);
        reading.catch(() => {});
        ahead.set(oid, reading);
      }
    }
    current = await (ahead.get(parent) ?? readMoment(reader, parent));
    ahead.delete(parent);
  }
}

/** Trees that are read at once: they may be large. */
const treesAtOnce = 16;

/** Every change of the given stores (of all without a list) up to `moment`, newest first. */
export async function* storeHistory(
  reader: ObjectReader,
  moment: Moment,
  only?: readonly string[],
): AsyncGenerator<StoreMoment> {
  let newer: { moment: Moment; stores: ReadonlyMap<string, Oid> } | undefined;
  const read = async (older: Moment) => ({ moment: older, stores: await storeTrees(reader, older) });
  for await (const older of inOrder(ancestry(reader, moment), read, treesAtOnce)) {
    if (newer) yield* changes(newer.moment, newer.stores, older.stores);
    newer = older;
  }
  if (newer) yield* changes(newer.moment, newer.stores, new Map());

  function* changes(
    at: Moment,
    after: ReadonlyMap<string, Oid>,
    before: ReadonlyMap<string, Oid>,
  ): Generator<StoreMoment> {
    for (const store of only ?? [...new Set([...after.keys(), ...before.keys()])].sort()) {
      const [tree, previousTree] = [after.get(store), before.get(store)];
      if (tree !== previousTree) yield { ...at, store, tree, previousTree };
    }
  }
}

/** The trees of the stores at a moment, by name. */
export async function storeTrees(reader: ObjectReader, { commit }: Moment): Promise<ReadonlyMap<string, Oid>> {
  const stores = new Map<string, Oid>();
  for (const { mode, name, oid } of await reader.readTree(commit.tree)) {
    if (mode === directoryMode && isStoreName(name)) stores.set(name, oid);
  }
  return stores;
}

/** Whether a directory at the top of a repository is a store rather than something a person put beside them. */
export async function isStore(reader: ObjectReader, tree: Oid): Promise<boolean> {
  return (await reader.readTree(tree)).some(({ name }) => name === manifestName);
}

/** The same for what changed: a snapshot of ours says of which store it is, and nothing has to be read. */
export async function isStoreMoment(
  reader: ObjectReader,
  { store, tree, previousTree, commit }: StoreMoment,
): Promise<boolean> {
  if (decodeTrailers(commit.message).get('Store') === store) return true;
  const present = tree ?? previousTree;
  return present !== undefined && isStore(reader, present);
}
