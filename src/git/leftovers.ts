import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { longestHeld } from './lock-file.ts';
import { isAlive } from './process-identity.ts';
import { quarantinePrefix } from './quarantine.ts';
import type { Repository } from './repository.ts';

/** Below the Git directory: where the lock is, and for a moment what it is taken with. */
export const lockDirectory = 'treekeeper';

/** Below that directory: where git talks to a remote, with a file that names the process which it does so for. */
export const scratchPrefix = 'scratch-';
export const ownerName = 'owner';

/** What a repository is made in, inside of where it is to be, begins with this. */
export const makingPrefix = '.treekeeper-making-';

/** What the lock is taken with, and a cache that is being written. Everything else there is a cache, however old. */
const unfinished = /^([0-9a-f]{16}\.(new|dead)|new-[0-9a-f]{16})$/;

/** How long a git that a person runs may take over a lock file or a pack, before it counts as dead. */
const anHour = 60 * 60_000;

/**
 * Removes what dead runs left in the repository. To be called only by the holder of the lock: then every quarantine is
 * a dead one, and so is the lock file of a ref that a backup moves, where it is older than this process or ten seconds.
 * Git itself never clears those, and the next move would fail of them. Other lock files and unfinished packs may belong
 * to a git that somebody runs at this moment (`gc`, `fetch`): those go when they are an hour old, and that of a ref before, when
 * it is in the way.
 */
export async function clearLeftovers({ gitDir, commonDir, branch }: Repository): Promise<void> {
  const objects = join(commonDir, 'objects');
  for (const name of await list(objects)) {
    if (name.startsWith(quarantinePrefix)) await rm(join(objects, name), { recursive: true, force: true });
  }

  for (const name of await list(commonDir)) {
    if (name.startsWith(makingPrefix)) await rm(join(commonDir, name), { recursive: true, force: true });
  }

  const now = Date.now();
  const started = now - process.uptime() * 1000;
  for (const path of [join(commonDir, `${branch}.lock`), join(gitDir, 'HEAD.lock')]) {
    await removeOlder(path, Math.max(started, now - longestHeld));
  }

  const refs = (await list(join(commonDir, 'refs'), true)).map((name) => join('refs', name));
  const info = (await list(join(objects, 'info'))).map((name) => join('objects', 'info', name));
  const packs = (await list(join(objects, 'pack'))).map((name) => join('objects', 'pack', name));
  const logs = (await list(join(commonDir, 'logs'), true)).map((name) => join('logs', name));
  const locks = ['packed-refs.lock', 'config.lock', 'index.lock', ...refs, ...logs, ...info, ...packs].filter((name) =>
    name.endsWith('.lock'),
  );
  const ours = await list(join(commonDir, lockDirectory));
  const takings = ours.filter((name) => unfinished.test(name)).map((name) => join(lockDirectory, name));
  for (const name of [...locks, 'packed-refs.new', ...takings, ...packs.filter((pack) => isUnfinished(pack, packs))]) {
    await removeOlder(join(commonDir, name), now - anHour);
  }
  for (const name of ours.filter((entry) => entry.startsWith(scratchPrefix))) {
    const scratch = join(commonDir, lockDirectory, name);
    if (await isAbandoned(scratch, now)) await rm(scratch, { recursive: true, force: true });
  }
}

/** What git's index-pack and repack write first, and a pack that was moved into place without its index. */
function isUnfinished(name: string, all: readonly string[]): boolean {
  if (/^\.?tmp[_-]/.test(basename(name))) return true;
  return /\.(pack|rev)$/.test(name) && !all.includes(name.replace(/\.[a-z]+$/, '.idx'));
}

/** Others talk to remotes without holding the lock, and for longer than an hour where much is to be sent. */
async function isAbandoned(scratch: string, now: number): Promise<boolean> {
  try {
    return !isAlive(JSON.parse(await readFile(join(scratch, ownerName), 'utf8')));
  } catch {
    // It was left, or is just being made.
    return isOlder(scratch, now - anHour);
  }
}

async function isOlder(path: string, time: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.mtimeMs < time;
}

async function removeOlder(path: string, time: number): Promise<void> {
  if (await isOlder(path, time)) await rm(path, { force: true });
}

async function list(directory: string, recursive = false): Promise<string[]> {
  return readdir(directory, { recursive }).catch(() => []);
}
