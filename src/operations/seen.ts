import type { Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';
import { version } from '../version.ts';
import { readCache, writeCache } from './cache-file.ts';

/** Trees by the digest of the nodes that they were made of: if the same is read again, it makes the same tree. */
export type KnownTrees = ReadonlyMap<string, Oid>;

/** What is known from the last snapshot of a store. */
export interface Seen {
  /** The tree of that snapshot. All that are known are in it, or it itself. */
  readonly tree: Oid;
  readonly trees: KnownTrees;
}

/** Another version of treekeeper may make another tree of the same. */
const kind = `treekeeper seen 2 ${version}`;
const digestSize = 32;
const oidSize = 20;

const nameOf = (store: string) => `seen-${store}`;

/** What this host remembers of a store's last snapshot, or `undefined`. */
export async function readSeen(repository: Repository, store: string): Promise<Seen | undefined> {
  const content = await readCache(repository, nameOf(store), kind);
  if (!content || content.length % (digestSize + oidSize) !== oidSize) return undefined;
  const trees = new Map<string, Oid>();
  for (let at = oidSize; at < content.length; at += digestSize + oidSize) {
    const end = at + digestSize;
    trees.set(content.toString('latin1', at, end), content.toString('hex', end, end + oidSize));
  }
  return { tree: content.toString('hex', 0, oidSize), trees };
}

/** To be called under the lock. */
export async function writeSeen(repository: Repository, store: string, { tree, trees }: Seen): Promise<void> {
  const content = Buffer.allocUnsafe(oidSize + trees.size * (digestSize + oidSize));
  let at = content.write(tree, 'hex');
  for (const [digest, oid] of trees) {
    at += content.write(digest, at, 'latin1');
    at += content.write(oid, at, 'hex');
  }
  await writeCache(repository, nameOf(store), kind, [content]);
}
