import { rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** How long git holds the lock of a ref: while it writes 41 bytes, or a reflog entry. */
export const longestHeld = 10_000;

/** How often it is looked whether a lock file is gone. */
const pause = 100;

/** The lock file that a git found in its way, by what it said. */
export function lockInTheWay(said: string): string | undefined {
  return /Unable to create '([^']+\.lock)': File exists/.exec(said)?.[1];
}

/**
 * Waits until the lock file of a ref is gone, as it soon is where a git runs that holds it. One that is older than git
 * holds any was left by a git that was killed, which git itself never clears: it is removed. Throws where it cannot be.
 */
export async function outlastLock(path: string, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const found = await stat(path).catch(() => undefined);
    if (!found) return;
    if (found.mtimeMs < Date.now() - longestHeld) return rm(path, { force: true });
    await delay(pause, undefined, { signal });
  }
}
