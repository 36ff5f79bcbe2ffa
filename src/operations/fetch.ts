import { rm } from 'node:fs/promises';
import { TreekeeperError } from '../errors.ts';
import { isAncestor, listCommits } from '../git/graph.ts';
import { acquireLock } from '../git/lock.ts';
import { moveBranch, readBranch } from '../git/refs.ts';
import { addRemote } from '../git/remote-config.ts';
import { readMemory } from '../git/remote-memory.ts';
import { formatRemoteUrl } from '../git/remote-url.ts';
import { createRepository, type Repository } from '../git/repository.ts';
import { fetchBranch, listRemote, type RemoteRefs } from '../git/transport.ts';
import { followWorkTree } from '../git/work-tree.ts';
import type { Oid } from '../snapshot/objects.ts';
import { trackingRequest } from './accept.ts';
import type { Remote } from './remotes.ts';

export interface FetchResult {
  /** Where the remote's branch is. */
  readonly tip: Oid;
  /** How many snapshots came. */
  readonly commits: number;
  /** Our branch moved there, since it had nothing that the remote's has not. */
  readonly followed: boolean;
  /** What the user has to do for the work tree, where it did not follow the branch. */
  readonly advice: string | undefined;
}

/**
 * Fetches the branch of a remote. Where ours has nothing else, it follows; where both have snapshots of their own, ours
 * stays, and the remote's can be read as `NAME/BRANCH`. Throws `TreekeeperError('failed')`, `'locked'`,
 * `'unsigned'` where what the remote has now may not be taken, and as `mendMemory` does.
 */
export async function fetch(repository: Repository, remote: Remote, signal?: AbortSignal): Promise<FetchResult> {
  const { name, url } = remote;
  const access = { ...remote.access, ...(signal && { signal }) };
  await using _lock = await acquireLock(repository);
  const { tracked: before } = await readMemory(repository, name);
  const tip = await fetchBranch(repository, url, await trackingRequest(repository, remote), access);
  if (tip === undefined) {
    throw new TreekeeperError('failed', `${formatRemoteUrl(url)} has no branch ${shortName(repository)}`, {
      hint: 'nothing was pushed there yet, or it is another branch: name it with --branch',
    });
  }
  const ours = await readBranch(repository);
  const commits = (await listCommits(repository, before ?? ours, tip)).length;
  if (ours === tip || (ours !== undefined && !(await isAncestor(repository, ours, tip))))
    return { tip, commits, followed: ours === tip, advice: undefined };
  const followed = await moveBranch(repository, ours, tip, `treekeeper: fetch from ${name}`);
  return { tip, commits, followed, advice: followed ? await followWorkTree(repository, ours, tip) : undefined };
}

/**
 * Makes a bare repository at `path` that is a copy of the remote's branch: the one that is named, or the one that the
 * remote's HEAD is at. Throws `TreekeeperError('failed')` where there is anything at `path`, or nothing at the remote.
 */
export async function clone(
  remote: Remote,
  path: string,
  branch: string | undefined,
  signal?: AbortSignal,
): Promise<{ repository: Repository; tip: Oid }> {
  const { name, url, access } = remote;
  const refs = await listRemote(undefined, url, { ...access, ...(signal && { signal }) }, 'failed');
  const repository = await createRepository(path, branch ?? headOf(refs, formatRemoteUrl(url)));
  try {
    await addRemote(repository, name, formatRemoteUrl(url));
    const { tip } = await fetch(repository, remote, signal);
    return { repository, tip };
  } catch (thrown) {
    await rm(repository.gitDir, { recursive: true, force: true });
    throw thrown;
  }
}

/** The branch that HEAD is at; where that is not there, as on a host that was told of another name than ours, main or any. */
export function headOf({ refs, head }: RemoteRefs, where: string): string {
  const [any] = [...refs.keys()].filter((ref) => ref.startsWith('refs/heads/'));
  const found = head ?? (refs.has('refs/heads/main') ? 'refs/heads/main' : any);
  if (found !== undefined) return found.slice('refs/heads/'.length);
  throw new TreekeeperError('failed', `${where} has no branch that could be taken`, {
    hint: 'nothing was pushed there yet, or name the branch with --branch',
  });
}

function shortName({ branch }: Repository): string {
  return branch.slice('refs/heads/'.length);
}
