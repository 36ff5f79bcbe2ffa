import type { Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';
import { readCache, writeCache } from './cache-file.ts';
import type { Origin } from './guards.ts';

const kindOf = (store: string) => `treekeeper allowed 2 ${store}`;
const nameOf = (store: string) => `allowed-${store}`;

/**
 * The origin that a user allowed for a store beside the one that `commit`, its last snapshot, was made from; `undefined` where
 * there is none. It held the same as that snapshot, so that there is no commit that could tell of it. It only ever adds to
 * what is accepted: where it is lost, the user is asked once more.
 */
export async function readAllowed(repository: Repository, store: string, commit: Oid): Promise<Origin | undefined> {
  const content = await readCache(repository, nameOf(store), kindOf(store));
  const allowed: (Origin & { readonly commit: Oid }) | undefined = content && JSON.parse(content.toString());
  return allowed?.commit === commit ? allowed : undefined;
}

/** To be called under the lock. */
export async function writeAllowed(repository: Repository, store: string, commit: Oid, origin: Origin): Promise<void> {
  await writeCache(repository, nameOf(store), kindOf(store), [Buffer.from(JSON.stringify({ commit, ...origin }))]);
}
