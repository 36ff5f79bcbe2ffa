import { acquireLock } from '../git/lock.ts';
import { measurePacks, type PackSize } from '../git/pack-size.ts';
import type { Repository } from '../git/repository.ts';
import { repack } from '../git/upkeep.ts';

/**
 * Packs everything anew; with `prune`, what no ref leads to any more is dropped at once rather than later. Throws
 * `TreekeeperError('locked')` and `'failed'`; the repository is whole either way.
 */
export async function maintain(
  repository: Repository,
  { prune = false }: { prune?: boolean } = {},
): Promise<{ before: PackSize; after: PackSize }> {
  await using _lock = await acquireLock(repository);
  const before = await measurePacks(repository);
  await repack(repository, prune);
  return { before, after: await measurePacks(repository) };
}
