import { reasonOf } from '../errors.ts';
import { acquireLock } from '../git/lock.ts';
import type { Repository } from '../git/repository.ts';
import { joinPacks, measurePacks, type PackSize, repack } from '../git/upkeep.ts';

/** From so many packs on, looking an object up costs more than joining them now and then. */
const manyPacks = 50;

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

/**
 * Joins small packs where there are many of them. For the end of a run that was about something else, which succeeded
 * already: answers why it could not, rather than throwing.
 */
export async function keepUp(repository: Repository): Promise<string | undefined> {
  try {
    if ((await measurePacks(repository)).packs < manyPacks) return undefined;
    await using _lock = await acquireLock(repository);
    await joinPacks(repository);
    return undefined;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}
