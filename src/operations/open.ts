import { TreekeeperError } from '../errors.ts';
import { openReader } from '../git/open-reader.ts';
import type { ObjectReader } from '../git/reader.ts';
import { isRemoteUrl } from '../git/remote-url.ts';
import { openRepository, type Repository, RepositoryTaken } from '../git/repository.ts';
import type { Surroundings } from './connect.ts';

/** A repository that can be read. Disposing of it ends whatever reads it. */
export interface OpenRepository extends AsyncDisposable {
  readonly repository: Repository;
  readonly reader: ObjectReader;
}

/** How much of a remote's history is to be at hand: the newest snapshot alone, or all of them. */
export type Depth = 'newest' | 'all';

/**
 * Opens a repository for looking at: one on this machine, or the branch of a remote, by its URL, which is fetched into a
 * cache of this user. Throws `TreekeeperError('no-repository')` where there is none, and `'failed'` where the remote cannot
 * be read.
 */
export async function openForReading(
  path: string,
  surroundings?: Surroundings,
  depth: Depth = 'all',
): Promise<OpenRepository> {
  // What talks to remotes, and what writes, is loaded only where it is needed: looking shall start at once.
  const cache = surroundings !== undefined && isRemoteUrl(path) ? await import('./cache.ts') : undefined;
  const repository =
    cache && surroundings ? await cache.openCached(path, surroundings, depth) : await openRepository(path);
  const plain = await openReader(repository);
  const reader = cache ? cache.readCache(repository, plain) : plain;
  return { repository, reader, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
}

/**
 * Opens a repository for a backup; makes it where there is none, unless nothing may be written. The key that commits are
 * signed with is looked for at once, before any service is read.
 */
export async function openForBackup(
  path: string,
  branch: string | undefined,
  dryRun: boolean,
  surroundings: Pick<Surroundings, 'signer'> = {},
): Promise<{ repository: Repository; created: boolean; warnings: readonly string[] }> {
  const signer = dryRun ? undefined : surroundings.signer;
  const { warnings = [] } = (await signer?.open()) ?? {};
  try {
    return { repository: await openForCommits(path, branch, surroundings), created: false, warnings };
  } catch (thrown) {
    if (dryRun || !(thrown instanceof TreekeeperError) || thrown.code !== 'no-repository') throw thrown;
    const { initRepository } = await import('./init.ts');
    try {
      return { repository: (await initRepository(path, branch, signer)).repository, created: true, warnings };
    } catch (failure) {
      // Of runs that find none at the same time, one makes it, and the others go on with that.
      const isAnothers = failure instanceof TreekeeperError && failure.code === 'locked';
      if (!isAnothers && !(failure instanceof RepositoryTaken)) throw failure;
      return { repository: await openForCommits(path, branch, surroundings), created: false, warnings };
    }
  }
}

/** Opens a repository that commits may be made in, which are signed where the configuration says so. */
export async function openForCommits(
  path: string,
  branch: string | undefined,
  { signer }: Pick<Surroundings, 'signer'>,
): Promise<Repository> {
  return { ...(await openRepository(path, branch)), ...(signer && { signer }) };
}

export { openRepository, type Repository } from '../git/repository.ts';
