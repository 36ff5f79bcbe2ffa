import { commitTime, committerIdentity, makeCommit } from '../git/commit.ts';
import { isAncestor, listCommits, mergeBase, writeObjects } from '../git/graph.ts';
import { objectId } from '../git/pack.ts';
import type { ObjectReader, ObjectType } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import { decodeTrailers } from '../snapshot/message.ts';
import { directoryMode, fileMode, type Oid, type TreeEntry } from '../snapshot/objects.ts';
import { decodeTree, encodeTree } from '../snapshot/tree.ts';
import { readMoment, storeTrees } from './history.ts';
import { keysName } from './kept-keys.ts';

/** What is known of a remote's branch. */
export interface RemoteState {
  /** Where it was last. */
  readonly tip: Oid | undefined;
  /** The commit of ours up to which it had everything then. */
  readonly included: Oid | undefined;
  /** Where it was then. */
  readonly reached: Oid | undefined;
}

/**
 * The commit that a remote's branch has to come to so that it has everything up to `ours`: that one itself where it follows
 * from what the remote has, else our snapshots that are missing there, put one by one on top of it. Nothing that others put
 * there is lost, nothing is merged, and ours stays as it is.
 */
export async function advance(
  repository: Repository,
  reader: ObjectReader,
  ours: Oid,
  { tip, included, reached }: RemoteState,
): Promise<Oid> {
  if (tip === undefined || (await isAncestor(repository, tip, ours))) return ours;
  if (await isAncestor(repository, ours, tip)) return tip;
  const isKnown = included !== undefined && (await isAncestor(repository, included, ours));
  const base = isKnown ? included : await mergeBase(repository, ours, tip);
  const missing = await listCommits(repository, base, ours);
  const others = missing.length > 0 ? await listCommits(repository, isKnown ? reached : base, tip) : [];
  return replay(repository, reader, await withoutKnown(reader, missing, others), tip);
}

/**
 * Those of our commits that are missing among others: what comes after the last one that is there under another id. There is
 * one where the remote took a push and its answer got lost, and where what was known of the remote was forgotten.
 */
async function withoutKnown(
  reader: ObjectReader,
  ours: readonly Oid[],
  others: readonly Oid[],
): Promise<readonly Oid[]> {
  const there = new Set<string>();
  for (const oid of others) there.add(await contentOf(reader, oid));
  for (let index = ours.length; index > 0; index--) {
    const oid = ours[index - 1];
    if (oid !== undefined && there.has(await contentOf(reader, oid))) return ours.slice(index);
  }
  return ours;
}

/**
 * What stays of a commit when it is put on top of others: who, when, what it says, and the tree of its store. One that is of
 * no store stays the same only as a whole: the first commits of two hosts may differ in nothing but their public keys.
 */
async function contentOf(reader: ObjectReader, oid: Oid): Promise<string> {
  const moment = await readMoment(reader, oid);
  const { author, message } = moment.commit;
  const store = decodeTrailers(message).get('Store');
  const tree = store === undefined ? moment.commit.tree : (await storeTrees(reader, moment)).get(store);
  return JSON.stringify([author, message, tree]);
}

/**
 * Puts commits on top of another one, oldest first, and answers the last. What each of them changed at the top of the
 * repository, a store or a file, is as in it; everything else is as below it. One that changes nothing there is left out.
 * They are other commits than before, so whoever does this signs them anew. With `only`, nothing but these names counts.
 */
export async function replay(
  repository: Repository,
  reader: ObjectReader,
  commits: readonly Oid[],
  onto: Oid,
  only?: ReadonlySet<string>,
): Promise<Oid> {
  const person = await committerIdentity(repository);
  // By id: a pack holds no object twice.
  const written = new Map<Oid, { type: ObjectType; content: Uint8Array }>();
  const write = (type: ObjectType, content: Uint8Array): Oid => {
    const oid = objectId(type, content);
    written.set(oid, { type, content });
    return oid;
  };

  const tip = await readMoment(reader, onto);
  let entries = await topOf(tip.commit.tree);
  let { tree, committer } = { tree: tip.commit.tree, committer: tip.commit.committer };
  let oid = tip.oid;
  for (const next of commits) {
    const { commit } = await readMoment(reader, next);
    const parent = commit.parents[0];
    const before =
      parent === undefined ? new Map<string, TreeEntry>() : await topOf((await readMoment(reader, parent)).commit.tree);
    const after = await topOf(commit.tree);
    // The first commit of a history has the files that explain it, which the other has too, perhaps newer.
    if (parent === undefined) for (const { name, mode } of entries.values()) if (mode === fileMode) after.delete(name);
    entries = withChanges(entries, before, after, only);
    const content = encodeTop(entries);
    if (objectId('tree', content) === tree) continue;

    tree = write('tree', content);
    committer = { ...person, time: commitTime(committer.time) };
    const { author, message } = commit;
    const anew = { tree, parents: [oid], author, time: author.time, committer, message };
    oid = write('commit', await makeCommit(repository, anew));
  }
  await writeObjects(repository, [...written.values()]);
  return oid;

  /** The entries at the top; public keys each for itself, so that what several hosts added stays together. */
  async function topOf(tree: Oid): Promise<Map<string, TreeEntry>> {
    const top = new Map<string, TreeEntry>();
    for (const entry of decodeTree((await reader.read(tree)).content)) {
      if (entry.name !== keysName || entry.mode !== directoryMode) top.set(entry.name, entry);
      else for (const key of decodeTree((await reader.read(entry.oid)).content)) top.set(keysPrefix + key.name, key);
    }
    return top;
  }

  function encodeTop(top: Entries): Uint8Array {
    const [outside, keys]: [TreeEntry[], TreeEntry[]] = [[], []];
    for (const [name, entry] of top) (name.startsWith(keysPrefix) ? keys : outside).push(entry);
    if (keys.length > 0) outside.push({ mode: directoryMode, name: keysName, oid: write('tree', encodeTree(keys)) });
    return encodeTree(outside);
  }
}

const keysPrefix = `${keysName}/`;

type Entries = ReadonlyMap<string, TreeEntry>;

/** `entries` with what is not the same in `before` and `after`; with `only`, of these names alone. */
function withChanges(
  entries: Entries,
  before: Entries,
  after: Entries,
  only: ReadonlySet<string> | undefined,
): Map<string, TreeEntry> {
  const result = new Map(entries);
  const counts = (name: string) => only === undefined || only.has(name);
  for (const name of before.keys()) if (counts(name) && !after.has(name)) result.delete(name);
  for (const [name, entry] of after) {
    if (!counts(name)) continue;
    const was = before.get(name);
    if (was?.oid !== entry.oid || was.mode !== entry.mode) result.set(name, entry);
  }
  return result;
}
