import { TreekeeperError } from '../errors.ts';
import { type Commit, decodeCommit } from '../git/commit.ts';
import type { ObjectReader } from '../git/reader.ts';
import { isStoreName, manifestName } from '../snapshot/manifest.ts';
import { directoryMode, type Oid } from '../snapshot/objects.ts';

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

/** The commits from `moment` back to the first, newest first, along the first parents. */
export async function* ancestry(reader: ObjectReader, moment: Moment): AsyncGenerator<Moment> {
  for (let current: Moment | undefined = moment; current; ) {
    yield current;
    const parent: Oid | undefined = current.commit.parents[0];
    current = parent === undefined ? undefined : await readMoment(reader, parent);
  }
}

/** Every change of the given stores (of all without a list) up to `moment`, newest first. */
export async function* storeHistory(
  reader: ObjectReader,
  moment: Moment,
  only?: readonly string[],
): AsyncGenerator<StoreMoment> {
  let newer: { moment: Moment; stores: ReadonlyMap<string, Oid> } | undefined;
  for await (const older of ancestry(reader, moment)) {
    const stores = await storeTrees(reader, older);
    if (newer) yield* changes(newer.moment, newer.stores, stores);
    newer = { moment: older, stores };
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
