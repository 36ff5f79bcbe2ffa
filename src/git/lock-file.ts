import { rm, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';

/**
 * How long git leaves a lock file as it is before it goes on writing it, or is done with it: that of a ref while it writes 41
 * bytes, or a reflog entry.
 */
export const longestHeld = 10_000;

/** How often it is looked whether a lock file is gone. */
const pause = 100;

/** How many lock files of dead gits are outlasted at most: one of every ref, and of what packed refs are in. */
const mostLocks = 20;

/** The lock file that a git found in its way, by what it said. What packed refs are written into is one as well. */
export function lockInTheWay(said: string): string | undefined {
  const [, lock, packed] =
    /Unable to create '([^']+\.lock)': File exists|unable to create file (\/.+\/packed-refs\.new): File exists/.exec(
      said,
    ) ?? [];
  return lock ?? packed;
}

/**
 * Waits until a lock file is gone, as it soon is where a git runs that holds it. One that is older than git holds any was
 * left by a git that was killed, which git itself never clears: it is removed. Throws where it cannot be.
 */
export async function outlastLock(path: string, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const found = await stat(path).catch(() => undefined);
    if (!found) return;
    if (found.mtimeMs < Date.now() - longestHeld) return rm(path, { force: true });
    await delay(pause, undefined, { signal });
  }
}

/** Calls git, and once more whenever a lock file was in its way, below this directory, that is gone by then. */
export async function pastLocks(directory: string, call: () => Promise<unknown>): Promise<void> {
  for (let locks = 0; ; locks++) {
    try {
      await call();
      return;
    } catch (thrown) {
      const lock = lockInTheWay(reasonOf(thrown));
      if (lock === undefined || !lock.startsWith(`${directory}${sep}`) || locks === mostLocks) throw thrown;
      await outlastLock(lock).catch(() => {
        throw thrown;
      });
    }
  }
}
