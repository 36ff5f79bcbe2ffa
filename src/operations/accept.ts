import { TreekeeperError } from '../errors.ts';
import { isAncestor } from '../git/graph.ts';
import { openReader } from '../git/open-reader.ts';
import type { ObjectReader } from '../git/reader.ts';
import { readRef } from '../git/refs.ts';
import { seenRef, trackingRef } from '../git/remote-config.ts';
import type { Repository } from '../git/repository.ts';
import type { FetchRequest } from '../git/transport.ts';
import type { Oid } from '../snapshot/objects.ts';
import type { Remote } from './remotes.ts';
import { describeRemote } from './remotes.ts';
import { requireTrusted } from './trust.ts';

/*
 * Whoever can write to a remote can put an older snapshot back in its place, signature and all. So it is remembered which
 * commit was seen there last, and nothing is taken from it that does not come from that one. The memory is a ref: atomic,
 * durable, and what it names is not pruned. Where it is lost, the next fetch begins it anew.
 */

/** How the branch of a remote is fetched: refs move only once it is known that what came may be taken. */
export async function trackingRequest(repository: Repository, remote: Remote): Promise<FetchRequest> {
  const seen = await readRef(repository.gitDir, seenRef(remote.name, repository));
  return {
    ref: repository.branch,
    into: [trackingRef(remote.name, repository), seenRef(remote.name, repository)],
    accept: (tip) => requireAcceptable(repository, remote, seen, tip),
  };
}

/**
 * Proves that a commit which came from a remote follows from the one that was seen there last, and is signed by one of those
 * who are trusted. Throws `TreekeeperError('unsigned')`.
 */
export async function requireAcceptable(
  repository: Repository,
  remote: Remote,
  seen: Oid | undefined,
  tip: Oid,
): Promise<void> {
  const { trust } = remote;
  await using reader = await openReader(repository);
  if (seen !== undefined && !trust?.otherHistory && !(await comesFrom(repository, reader, seen, tip))) {
    throw new TreekeeperError(
      'unsigned',
      `the branch of ${describeRemote(remote)} is at ${tip.slice(0, 10)}, which does not come from ${seen.slice(0, 10)}, the snapshot that was seen there last`,
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
