import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';

/** What was read when the store's tree was made: if the same is read again, it makes the same tree. */
export interface Seen {
  readonly tree: Oid;
  readonly digest: string;
}

/*
 * A local cache beside the lock, never pushed. Losing it, or finding nonsense in it, costs the time of building a tree:
 * both fields have to agree with what is there before anything is taken from it.
 */
function pathOf({ gitDir }: Repository, store: string): string {
  return join(gitDir, 'treekeeper', `seen-${store}.json`);
}

export async function readSeen(repository: Repository, store: string): Promise<Seen | undefined> {
  try {
    const { tree, digest } = JSON.parse(await readFile(pathOf(repository, store), 'utf8'));
    return typeof tree === 'string' && typeof digest === 'string' ? { tree, digest } : undefined;
  } catch {
    return undefined;
  }
}

/** To be called under the lock. A cache that cannot be written is one that is not there. */
export async function writeSeen(repository: Repository, store: string, seen: Seen): Promise<void> {
  const path = pathOf(repository, store);
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(temporary, `${JSON.stringify(seen)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
}
