import { setTimeout as delay } from 'node:timers/promises';
import { TreekeeperError } from '../errors.ts';
import { isAncestor, listCommits } from '../git/graph.ts';
import { openReader } from '../git/open-reader.ts';
import type { ObjectReader } from '../git/reader.ts';
import { moveRefs, readBranch } from '../git/refs.ts';
import { memoryRef, readMemory } from '../git/remote-memory.ts';
import { formatRemoteUrl } from '../git/remote-url.ts';
import type { Repository } from '../git/repository.ts';
import { fetchBranch, listRemote, pushBranch, type RemoteAccess } from '../git/transport.ts';
import type { Oid } from '../snapshot/objects.ts';
import { mendMemory, trackingRequest } from './accept.ts';
import type { Remote } from './remotes.ts';
import { advance, type RemoteState } from './replay.ts';
import { type Found, restate } from './restate.ts';

export interface PushResult {
  readonly status: 'pushed' | 'up-to-date';
  /** How many snapshots went there. */
  readonly commits: number;
  /** Where the remote's branch is now. */
  readonly tip: Oid;
}

/**
 * Others may move the branch all the time; each try costs a fetch of what they did. Of six that push without a pause, one is
 * too late five times in six. A lock that is still there after fewer is nobody's.
 */
const [mostTries, mostLocked] = [100, 20];
const mostTime = 5 * 60_000;
/** Between two tries, in milliseconds, at most; a part of it by chance, so that two hosts do not stay in step. */
const longestPause = 2_000;

/**
 * Pushes the branch to the same one of a remote. What others put there stays, and ours comes on top: the remote's history
 * is linear, and nothing is ever forced. Counts only once the remote says that its branch is where it should be. Throws
 * `TreekeeperError('push')`, and as `mendMemory` does; the repository is then as before, and the next push brings everything
 * that is missing. With `found`, the store that was just read is there as it was found, even where we have nothing new of it.
 */
export async function push(
  repository: Repository,
  remote: Remote,
  found?: Found,
  signal?: AbortSignal,
): Promise<PushResult> {
  const ours = await requireTip(repository);
  await using reader = await openReader(repository);
  return await pushCommit(repository, reader, remote, { ours, found }, signal);
}

/** The commit that is to be pushed. Throws `TreekeeperError('usage')` where there is none. */
export async function requireTip(repository: Repository): Promise<Oid> {
  const ours = await readBranch(repository);
  if (ours !== undefined) return ours;
  throw new TreekeeperError('usage', 'the branch has no snapshot yet that could be pushed');
}

async function pushCommit(
  repository: Repository,
  reader: ObjectReader,
  remote: Remote,
  { ours, found }: { readonly ours: Oid; readonly found: Found | undefined },
  signal: AbortSignal | undefined,
): Promise<PushResult> {
  const { url } = remote;
  const access = { ...remote.access, ...(signal && { signal }) };
  const deadline = Date.now() + mostTime;
  await mendMemory(repository, remote);
  let state = await knownState(repository, remote);
  let lock: string | undefined;
  for (let tries = 1; tries <= mostTries && Date.now() < deadline; tries++) {
    signal?.throwIfAborted();
    const advanced = await advance(repository, reader, ours, state);
    const to = found ? await restate(repository, reader, found, advanced) : advanced;
    const answer = await pushBranch(repository, url, { from: to, to: repository.branch }, access);
    if (answer.status !== 'rejected') {
      const { status } = answer;
      const commits = status === 'pushed' ? await listCommits(repository, answer.before, to) : [];
      const tip = status === 'pushed' ? await confirm(repository, remote, to, access) : to;
      await remember(repository, remote, tip, ours);
      return { status, commits: commits.length, tip };
    }

    lock = answer.lock;
    if (lock !== undefined && tries >= mostLocked) break;
    if (tries > 1) await delay(Math.random() * Math.min(longestPause, 50 * 2 ** tries), undefined, { signal });
    await fetchBranch(repository, url, await trackingRequest(repository, remote), access);
    state = await knownState(repository, remote);
  }
  const place = `${remote.name} (${formatRemoteUrl(url)})`;
  if (lock !== undefined) {
    throw new TreekeeperError('push', `the branch of ${place} is locked there, by ${lock}`, {
      hint: 'where no git runs there that holds it, one was killed: its operator has to remove that file; the snapshot is safe here',
    });
  }
  throw new TreekeeperError('push', `the branch of ${place} kept moving`, {
    hint: 'the snapshot is safe here; the next push brings it there',
  });
}

/**
 * Asks the remote where its branch is after a push: at the commit, or beyond it where another host was quick. Throws
 * `TreekeeperError('push')` where a hook, a mirror or somebody else took it away again.
 */
async function confirm(repository: Repository, remote: Remote, commit: Oid, access: RemoteAccess): Promise<Oid> {
  const { url } = remote;
  const { refs } = await listRemote(repository, url, access);
  if (refs.get(repository.branch) === commit) return commit;
  const tip = await fetchBranch(repository, url, await trackingRequest(repository, remote), access);
  if (tip !== undefined && (await isAncestor(repository, commit, tip))) return tip;
  throw new TreekeeperError('push', `${formatRemoteUrl(url)} took the push, and its branch is not there`, {
    hint: 'a hook or a mirror may have moved it back: its operator has to look; the snapshot is safe here',
  });
}

/** How many snapshots of the branch the remote lacks, as far as is known without asking it. */
export async function countUnpushed(repository: Repository, remote: Pick<Remote, 'name'>): Promise<number> {
  const ours = await readBranch(repository);
  if (ours === undefined) return 0;
  const { tip, included } = await knownState(repository, remote);
  return (await listCommits(repository, included ?? tip, ours)).length;
}

/**
 * What we pushed counts only where the remote's branch still comes from what it was then. Where signatures count, a branch
 * that git fetched without us does not: what we put on top of it, we would sign for.
 */
export async function knownState(
  repository: Repository,
  { name, trust }: Pick<Remote, 'name' | 'trust'>,
): Promise<RemoteState> {
  const { tracked, seen, included, reached } = await readMemory(repository, name);
  const tip = trust && trust.signers.length > 0 ? seen : tracked;
  const isFollowing = tip !== undefined && reached !== undefined && (await isAncestor(repository, reached, tip));
  return { tip, ...(isFollowing ? { included, reached } : { included: undefined, reached: undefined }) };
}

async function remember(repository: Repository, remote: Remote, tip: Oid, included: Oid): Promise<void> {
  const { name } = remote;
  await mendMemory(repository, remote);
  // In this order: should they not all be there after a power cut, what is said to be included is.
  const moves = [
    { ref: memoryRef('tracked', name, repository), to: tip },
    { ref: memoryRef('seen', name, repository), to: tip },
    { ref: memoryRef('reached', name, repository), to: tip },
    { ref: memoryRef('included', name, repository), to: included },
  ];
  await moveRefs(repository, moves, `push to ${name}`);
}
