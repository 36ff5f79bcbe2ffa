import { acquireLock } from '../git/lock.ts';
import { OidSet } from '../git/oid-set.ts';
import { openReader } from '../git/open-reader.ts';
import { openPackWriter } from '../git/pack-writer.ts';
import { createRepository, type Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';
import type { Signer } from '../snapshot/signing-key.ts';
import { commitChanges, contended } from './commit-store.ts';

/** Makes a repository whose first commit holds the files that explain it. Throws where there is anything at `path`. */
export async function initRepository(
  path: string,
  branch?: string,
  signer?: Signer,
): Promise<{ repository: Repository; commit: Oid }> {
  await signer?.open();
  const repository = { ...(await createRepository(path, branch)), ...(signer && { signer }) };
  await using _lock = await acquireLock(repository);
  await using reader = await openReader(repository);
  const writer = openPackWriter(repository, new OidSet());
  const commit = await commitChanges(repository, reader, writer, undefined, [
    { message: 'start a repository of snapshots\n' },
  ]);
  if (commit === undefined) throw contended(repository);
  return { repository, commit };
}
