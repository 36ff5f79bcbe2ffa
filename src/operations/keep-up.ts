import { reasonOf } from '../errors.ts';
import { measurePacks } from '../git/pack-size.ts';
import type { Repository } from '../git/repository.ts';

/** From so many packs on, looking an object up costs more than joining them now and then. */
const manyPacks = 50;

/**
 * Joins small packs where there are many of them. For the end of a run that was about something else, which succeeded
 * already: answers why it could not, rather than throwing.
 */
export async function keepUp(repository: Repository): Promise<string | undefined> {
  try {
    if ((await measurePacks(repository)).packs < manyPacks) return undefined;
    // What joins them is loaded only then: most runs end here.
    const [{ acquireLock }, { joinPacks }] = await Promise.all([import('../git/lock.ts'), import('../git/upkeep.ts')]);
    await using _lock = await acquireLock(repository);
    await joinPacks(repository);
    return undefined;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}
