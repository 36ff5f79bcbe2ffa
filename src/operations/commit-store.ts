import { TreekeeperError } from '../errors.ts';
import { commitTime, committerIdentity, makeCommit } from '../git/commit.ts';
import type { PackWriter } from '../git/pack-writer.ts';
import type { ObjectReader } from '../git/reader.ts';
import { moveBranch } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import {
  directoryMode,
  fileMode,
  type ObjectSink,
  type Oid,
  type TreeEntry,
  type TreeSource,
} from '../snapshot/objects.ts';
import { encodeTree } from '../snapshot/tree.ts';
import { type Moment, readMoment } from './history.ts';
import { keysName, repositoryKeys } from './kept-keys.ts';
import { gitAttributes, repositoryReadme } from './root-files.ts';

/** One change of a branch: a store's new tree, or only the files that every repository has. */
export interface BranchChange {
  readonly store?: { readonly name: string; readonly tree: Oid };
  /** Public keys to be kept in the repository, armored, by fingerprint; `undefined` for one to be taken out. */
  readonly keys?: ReadonlyMap<string, Uint8Array | undefined>;
  readonly message: string;
  /** When it was, in seconds since 1970, where that is not now. Never before the commit that it follows. */
  readonly time?: number | undefined;
  /** When what it holds was read, where that was not then. */
  readonly read?: number;
}

/** The tip of the branch, or `undefined` where it has no commit yet. */
export async function readTip(reader: ObjectReader, repository: Repository): Promise<Moment | undefined> {
  const oid = await reader.resolve(repository.branch);
  return oid === undefined ? undefined : readMoment(reader, oid);
}

/**
 * Puts changes on `tip`, one commit each, and moves the branch to the last of them at once, when the writer has made
 * everything durable. Answers that commit, or `undefined` where the branch was no longer at `tip`: nothing happened then but
 * objects that nobody refers to. The writer is spent either way.
 */
export async function commitChanges(
  repository: Repository,
  reader: ObjectReader,
  writer: PackWriter,
  tip: Moment | undefined,
  changes: readonly BranchChange[],
): Promise<Oid | undefined> {
  const [before, identity, own] = await Promise.all([
    tip ? reader.readTree(tip.commit.tree) : rootFiles(writer),
    committerIdentity(repository),
    signersKey(repository, reader, tip),
  ]);
  const entries = new Map(before.map((entry) => [entry.name, entry]));
  const source = writer.over(reader);
  let last = tip?.commit.committer.time;
  let parent = tip?.oid;
  let message = '';
  for (const change of changes) {
    const { store } = change;
    const keys = new Map([...own, ...(change.keys ?? [])]);
    if (keys.size > 0) setOrRemove(entries, keysName, await withKeys(source, writer, entries.get(keysName), keys));
    if (store) entries.set(store.name, { mode: directoryMode, name: store.name, oid: store.tree });
    const tree = writer.tree(encodeTree([...entries.values()]));
    const parents = parent === undefined ? [] : [parent];
    const time = change.time === undefined ? commitTime(last) : Math.max(change.time, last ?? 0);
    message = change.message;
    const dates = { time: change.read ?? time, committer: { ...identity, time } };
    parent = writer.commit(await makeCommit(repository, { tree, parents, author: identity, ...dates, message }));
    last = time;
  }
  await writer.finish();

  if (parent === undefined) throw new Error('there is nothing to commit');
  const subject = message.split('\n', 1)[0] ?? '';
  return (await moveBranch(repository, tip?.oid, parent, `treekeeper: ${subject}`)) ? parent : undefined;
}

/** How often a branch that others move at the same time is tried again. Each try costs two objects. */
export const mostTries = 10;

/** The branch was moved by others more often than we tried. */
export function contended({ branch }: Repository): TreekeeperError {
  return new TreekeeperError(
    'failed',
    `the branch ${branch} was moved by others ${mostTries} times while this snapshot was committed`,
    {
      hint: 'nothing was recorded; run it again',
    },
  );
}

/** The public key of whoever signs, by its fingerprint: it is kept, so that others can verify. */
async function signersKey(
  { signer }: Repository,
  reader: ObjectReader,
  tip: Moment | undefined,
): Promise<readonly (readonly [string, Uint8Array])[]> {
  const key = await signer?.open();
  if (!key) return [];
  const { kept } = await repositoryKeys(reader, tip);
  return [[key.fingerprint, await key.publicKey(kept.get(key.fingerprint))]];
}

/** The directory of public keys with some of them replaced, added or taken out; `undefined` where none is left. */
async function withKeys(
  source: TreeSource,
  sink: ObjectSink,
  before: TreeEntry | undefined,
  keys: NonNullable<BranchChange['keys']>,
): Promise<TreeEntry | undefined> {
  const files = new Map<string, TreeEntry>();
  for (const entry of before ? await source.readTree(before.oid) : []) files.set(entry.name, entry);
  for (const [fingerprint, key] of keys) {
    const name = `${fingerprint}.asc`;
    setOrRemove(files, name, key && { mode: fileMode, name, oid: sink.blob(key) });
  }
  if (files.size === 0) return undefined;
  return { mode: directoryMode, name: keysName, oid: sink.tree(encodeTree([...files.values()])) };
}

function setOrRemove(entries: Map<string, TreeEntry>, name: string, entry: TreeEntry | undefined): void {
  if (entry) entries.set(name, entry);
  else entries.delete(name);
}

function rootFiles(sink: ObjectSink): TreeEntry[] {
  return [
    { mode: fileMode, name: '.gitattributes', oid: sink.blob(Buffer.from(gitAttributes)) },
    { mode: fileMode, name: 'README.md', oid: sink.blob(Buffer.from(repositoryReadme)) },
  ];
}
