import type { Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';
import { readCache, writeCache } from './cache-file.ts';
import type { Origin } from './guards.ts';

const kind = 'treekeeper allowed 1';
const nameOf = (store: string) => `allowed-${store}`;

/**
 * The origin that a user allowed for a store of this tree, or `undefined`. Where it held the same as the snapshot before,
 * there is no commit that could tell of it.
 */
export async function readAllowed(repository: Repository, store: string, tree: Oid): Promise<Origin | undefined> {
  const content = await readCache(repository, nameOf(store), kind);
  const allowed: (Origin & { readonly tree: Oid }) | undefined = content && JSON.parse(content.toString());
  return allowed?.tree === tree ? allowed : undefined;
}

/** To be called under the lock. Lost, it is asked for once more. */
export async function writeAllowed(repository: Repository, store: string, tree: Oid, origin: Origin): Promise<void> {
  await writeCache(repository, nameOf(store), kind, [Buffer.from(JSON.stringify({ tree, ...origin }))]);
}
