import { rm, stat } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';

/**
 * How long git leaves the lock file of a ref as it is before it goes on writing it, or is done with it: 41 bytes, or a reflog
 * entry.
 */
const longestHeld = 10_000;

/** The same of all others, which hold what packed refs, commits or packs are listed in. */
const longestListed = 10 * 60_000;

/** Clocks of file servers differ: no lock file is removed that was not there, unchanged, for so long as we looked. */
const leastWatched = 1_000;

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

/** Of a repository, or of a work tree with one. */
const ofOneRef = /^(\.git[\\/])?((refs|logs)[\\/]|HEAD\.lock$)/;

/**
 * Waits until a lock file of the repository in a directory is gone, as it soon is where a git runs that holds it. One that is
 * older than git holds any was left by a git that was killed, which git itself never clears: it is removed. Throws where it
 * cannot be, where it stays, and where it is not below the directory.
 */
export async function outlastLock(directory: string, path: string, signal?: AbortSignal): Promise<void> {
  const name = relative(directory, path);
  if (name.startsWith('..') || isAbsolute(name)) throw new Error(`${path} is not below ${directory}`);
  const longest = ofOneRef.test(name) ? longestHeld : longestListed;
  const begin = performance.now();
  let [seen, since] = ['', begin];
  for (;;) {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (!found) return;
    const now = performance.now();
    const identity = `${found.ino} ${found.mtimeNs}`;
    if (identity !== seen) [seen, since] = [identity, now];
    const isDead = Number(found.mtimeMs) < Date.now() - longest;
    if (isDead && now - since >= leastWatched) return rm(path, { force: true });
    if (now - begin > longestHeld + 2 * leastWatched) throw new Error(`${path} is held by another git`);
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
      if (lock === undefined || locks === mostLocks) throw thrown;
      await outlastLock(directory, lock).catch(() => {
        throw thrown;
      });
    }
  }
}
