import { hasGit } from './process.ts';
import type { ObjectReader } from './reader.ts';
import type { Repository } from './repository.ts';

/** Opens a repository's objects with git where there is a git binary, and without one else. */
export async function openReader(repository: Repository): Promise<ObjectReader> {
  if (await hasGit()) {
    const { bestDialect, openNativeReader } = await import('./native-reader.ts');
    return openNativeReader(repository, await bestDialect());
  }
  return (await import('./rescue-reader.ts')).openRescueReader(repository);
}
