import { TreekeeperError } from '../errors.ts';
import { commitTime, committerIdentity, encodeCommit } from '../git/commit.ts';
import type { PackWriter } from '../git/pack-writer.ts';
import type { ObjectReader } from '../git/reader.ts';
import { moveBranch } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { directoryMode, fileMode, type ObjectSink, type Oid, type TreeEntry } from '../snapshot/objects.ts';
import { encodeTree } from '../snapshot/tree.ts';
import { type Moment, readMoment } from './history.ts';
import { keysName } from './public-keys.ts';
import { gitAttributes, repositoryReadme } from './root-files.ts';

/** One change of a branch: a store's new tree, or only the files that every repository has. */
export interface BranchChange {
  readonly store?: { readonly name: string; readonly tree: Oid };
  /** Public keys to be kept in the repository: armored, by fingerprint. */
  readonly keys?: ReadonlyMap<string, Uint8Array>;
  readonly message: string;
}

/** The tip of the branch, or `undefined` where it has no commit yet. */
export async function readTip(reader: ObjectReader, repository: Repository): Promise<Moment | undefined> {
  const oid = await reader.resolve(repository.branch);
  return oid === undefined ? undefined : readMoment(reader, oid);
}

/**
 * Puts a change on `tip` as one commit and moves the branch there, once the writer has made everything durable. Answers
 * the new commit, or `undefined` where the branch was no longer at `tip`: nothing happened then but objects that nobody
 * refers to. The writer is spent either way.
 */
export async function commitChange(
  repository: Repository,
  reader: ObjectReader,
  writer: PackWriter,
  tip: Moment | undefined,
  { store, keys, message }: BranchChange,
): Promise<Oid | undefined> {
  const entries = new Map<string, TreeEntry>();
  for (const entry of tip ? await reader.readTree(tip.commit.tree) : rootFiles(writer)) entries.set(entry.name, entry);
  if (keys && keys.size > 0) entries.set(keysName, await withKeys(reader, writer, entries.get(keysName), keys));
  if (store) entries.set(store.name, { mode: directoryMode, name: store.name, oid: store.tree });

  const identity = await committerIdentity(repository);
  const commit = writer.commit(
    encodeCommit({
      tree: writer.tree(encodeTree([...entries.values()])),
      parents: tip ? [tip.oid] : [],
      author: identity,
      time: commitTime(tip?.commit.committer.time),
      message,
    }),
  );
  await writer.finish();

  const subject = message.split('\n', 1)[0] ?? '';
  return (await moveBranch(repository, tip?.oid, commit, `treekeeper: ${subject}`)) ? commit : undefined;
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

async function withKeys(
  reader: ObjectReader,
  sink: ObjectSink,
  before: TreeEntry | undefined,
  keys: ReadonlyMap<string, Uint8Array>,
): Promise<TreeEntry> {
  const files = new Map<string, TreeEntry>();
  for (const entry of before ? await reader.readTree(before.oid) : []) files.set(entry.name, entry);
  for (const [fingerprint, key] of keys) {
    const name = `${fingerprint}.asc`;
    files.set(name, { mode: fileMode, name, oid: sink.blob(key) });
  }
  return { mode: directoryMode, name: keysName, oid: sink.tree(encodeTree([...files.values()])) };
}

function rootFiles(sink: ObjectSink): TreeEntry[] {
  return [
    { mode: fileMode, name: '.gitattributes', oid: sink.blob(Buffer.from(gitAttributes)) },
    { mode: fileMode, name: 'README.md', oid: sink.blob(Buffer.from(repositoryReadme)) },
  ];
}
