import { TreekeeperError } from '../errors.ts';
import { openReader } from '../git/open-reader.ts';
import type { ObjectReader } from '../git/reader.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { initRepository } from './init.ts';

/** A repository that can be read. Disposing of it ends whatever reads it. */
export interface OpenRepository extends AsyncDisposable {
  readonly repository: Repository;
  readonly reader: ObjectReader;
}

/** Opens a repository for looking at. Throws `TreekeeperError('no-repository')` where there is none. */
export async function openForReading(path: string): Promise<OpenRepository> {
  const repository = await openRepository(path);
  const reader = await openReader(repository);
  return { repository, reader, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
}

/** Opens a repository for a backup; makes it where there is none, unless nothing may be written. */
export async function openForBackup(
  path: string,
  branch: string | undefined,
  dryRun: boolean,
): Promise<{ repository: Repository; created: boolean }> {
  try {
    return { repository: await openRepository(path, branch), created: false };
  } catch (thrown) {
    if (dryRun || !(thrown instanceof TreekeeperError) || thrown.code !== 'no-repository') throw thrown;
    return { repository: (await initRepository(path, branch)).repository, created: true };
  }
}
