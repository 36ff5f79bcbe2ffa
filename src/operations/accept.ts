import { TreekeeperError } from '../errors.ts';
import { isAncestor } from '../git/graph.ts';
import { openReader } from '../git/open-reader.ts';
import type { ObjectReader } from '../git/reader.ts';
import { damagedParts, forgetParts, memoryRef, readMemory } from '../git/remote-memory.ts';
import type { Repository } from '../git/repository.ts';
import type { FetchRequest } from '../git/transport.ts';
import type { Oid } from '../snapshot/objects.ts';
import type { Remote } from './remotes.ts';
import { describeRemote } from './remotes.ts';
import { requireTrusted } from './trust.ts';

/*
 * Whoever can write to a remote can put an older snapshot back in its place, signature and all. So it is remembered which
 * commit was seen there last, and nothing is taken from it that does not come from that one. The memory is a ref: atomic,
 * durable, and what it names is not pruned. Where it is lost, the next fetch begins it anew; where it is damaged, the user says.
 */

/**
 * How the branch of a remote is fetched: refs move only once it is known that what came may be taken. Throws as `mendMemory`
 * does.
 */
export async function trackingRequest(repository: Repository, remote: Remote): Promise<FetchRequest> {
  await mendMemory(repository, remote);
  const { seen } = await readMemory(repository, remote.name);
  return {
    ref: repository.branch,
    into: [memoryRef('tracked', remote.name, repository), memoryRef('seen', remote.name, repository)],
    accept: (tip) => requireAcceptable(repository, remote, seen === undefined ? [] : [seen], tip),
  };
}

/**
 * Forgets what is known of a remote where a part of it is damaged: it is only there to save time. Throws
 * `TreekeeperError('integrity')` where it is what was seen there last.
 */
export async function mendMemory(repository: Repository, remote: Remote): Promise<void> {
  const { name, trust } = remote;
  const damaged = await damagedParts(repository, name);
  if (damaged.length === 0) return;
  const isSeen = damaged.includes('seen');
  if (isSeen && !trust?.otherHistory) {
    throw new TreekeeperError(
      'integrity',
      `${memoryRef('seen', name, repository)} is damaged: nobody knows what was seen last at ${describeRemote(remote)}`,
      {
        hint: 'nothing was taken, for it may have been taken back there; --allow-other-history takes what is there, from now on',
      },
    );
  }
  await forgetParts(
    repository,
    name,
    ['tracked', 'included', 'reached', ...(isSeen ? (['seen'] as const) : [])],
    damaged,
  );
}

/**
 * Proves that a commit which came from a remote follows from all that was seen there, and is signed by one of those who are
 * trusted. Throws `TreekeeperError('unsigned')`.
 */
export async function requireAcceptable(
  repository: Repository,
  remote: Remote,
  seen: readonly Oid[],
  tip: Oid,
): Promise<void> {
  const { trust } = remote;
  await using reader = await openReader(repository);
  for (const last of trust?.otherHistory ? [] : seen) {
    if (await comesFrom(repository, reader, last, tip)) continue;
    throw new TreekeeperError(
      'unsigned',
      `the branch of ${describeRemote(remote)} is at ${tip.slice(0, 10)}, which does not come from ${last.slice(0, 10)}, the snapshot that was seen there last`,
      {
        hint: 'somebody took it back or put another history in its place, and nothing was taken; where that is meant, --allow-other-history takes it, from now on',
      },
    );
  }
  await requireTrusted(reader, tip, trust);
}

/** What is not here at all is nothing that a commit whose history is here comes from. */
async function comesFrom(repository: Repository, reader: ObjectReader, seen: Oid, tip: Oid): Promise<boolean> {
  if (seen === tip) return true;
  return (await reader.resolve(seen)) !== undefined && (await isAncestor(repository, seen, tip));
}
