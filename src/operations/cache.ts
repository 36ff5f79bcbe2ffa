import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { TreekeeperError } from '../errors.ts';
import { acquireLock } from '../git/lock.ts';
import { formatRemoteUrl } from '../git/remote-url.ts';
import { createRepository, openRepository, type Repository } from '../git/repository.ts';
import { fetchBranch, listRemote } from '../git/transport.ts';
import type { Surroundings } from './connect.ts';
import { headOf } from './fetch.ts';
import type { Depth } from './open.ts';
import { remoteAt } from './remotes.ts';

/**
 * The branch of a remote, fetched into this user's cache: what was fetched before is not fetched again. Throws
 * `TreekeeperError('failed')` where the remote cannot be read.
 */
export async function openCached(url: string, surroundings: Surroundings, depth: Depth): Promise<Repository> {
  const remote = remoteAt(url, surroundings);
  const text = formatRemoteUrl(remote.url);
  const branch = headOf(await listRemote(undefined, remote.url, remote.access), text);
  const path = join(
    cacheDirectory(surroundings),
    `${createHash('sha256').update(text).digest('hex').slice(0, 32)}.git`,
  );
  const repository = await openOrCreate(path, branch);
  await using _lock = await acquireLock(repository);
  const request = { ref: repository.branch, into: repository.branch, ...(depth === 'newest' && { depth: 1 }) };
  await fetchBranch(repository, remote.url, request, remote.access);
  return repository;
}

async function openOrCreate(path: string, branch: string): Promise<Repository> {
  try {
    return await openRepository(path, branch);
  } catch (thrown) {
    if (!(thrown instanceof TreekeeperError) || thrown.code !== 'no-repository') throw thrown;
    return createRepository(path, branch);
  }
}

/** Where this user's caches are (XDG Base Directory Specification). */
function cacheDirectory({ environment }: Surroundings): string {
  return join(environment['XDG_CACHE_HOME'] || join(environment['HOME'] ?? homedir(), '.cache'), 'treekeeper');
}
