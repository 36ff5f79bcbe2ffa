import type { Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';
import { readCache, writeCache } from './cache-file.ts';

/**
 * When this host last read the whole of a service and found, or made, the newest snapshot of its store to be just that. A
 * service that does not change gives no commits, so that their times alone do not tell whether it is still backed up.
 */
export interface LastRun {
  readonly tree: Oid;
  /** In seconds since 1970. */
  readonly time: number;
}

/** Two stores may have the same tree: what was found of one says nothing of the other. */
const kindOf = (store: string) => `treekeeper run 2 ${store}`;
const nameOf = (store: string) => `run-${store}`;

/** To be called under the lock. */
export function noteRun(repository: Repository, store: string, tree: Oid): Promise<void> {
  const time = Math.floor(Date.now() / 1000);
  return writeCache(repository, nameOf(store), kindOf(store), [Buffer.from(JSON.stringify({ tree, time }))]);
}

export async function readRun(repository: Repository, store: string): Promise<LastRun | undefined> {
  const content = await readCache(repository, nameOf(store), kindOf(store));
  // Its checksum proves that it is what was written.
  return content && JSON.parse(content.toString());
}
