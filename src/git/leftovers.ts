import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
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
 * a dead one. Lock files, which git itself never clears, and unfinished packs may belong to a git that somebody runs at this
 * moment (`gc`, `fetch`): those go when they are an hour old. Before, a lock file goes where it is in the way of a call, once
 * no git can hold it. What cannot be removed, as another user's, is in nobody's way.
 */
export async function clearLeftovers({ commonDir }: Repository): Promise<void> {
  const objects = join(commonDir, 'objects');
  for (const name of await list(objects)) {
    if (name.startsWith(quarantinePrefix)) await remove(join(objects, name));
  }

  for (const name of await list(commonDir)) {
    if (name.startsWith(makingPrefix)) await remove(join(commonDir, name));
  }

  const now = Date.now();
  const refs = (await list(join(commonDir, 'refs'), true)).map((name) => join('refs', name));
  const info = (await list(join(objects, 'info'))).map((name) => join('objects', 'info', name));
  const packs = (await list(join(objects, 'pack'))).map((name) => join('objects', 'pack', name));
  const logs = (await list(join(commonDir, 'logs'), true)).map((name) => join('logs', name));
  const locks = [
    'HEAD.lock',
    'packed-refs.lock',
    'config.lock',
    'index.lock',
    ...refs,
    ...logs,
    ...info,
    ...packs,
  ].filter((name) => name.endsWith('.lock'));
  const ours = await list(join(commonDir, lockDirectory));
  const takings = ours.filter((name) => unfinished.test(name)).map((name) => join(lockDirectory, name));
  for (const name of [...locks, 'packed-refs.new', ...takings, ...packs.filter((pack) => isUnfinished(pack, packs))]) {
    await removeOlder(join(commonDir, name), now - anHour);
  }
  for (const name of ours.filter((entry) => entry.startsWith(scratchPrefix))) {
    const scratch = join(commonDir, lockDirectory, name);
    if (await isAbandoned(scratch, now)) await remove(scratch);
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
  if (await isOlder(path, time)) await remove(path);
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}

async function list(directory: string, recursive = false): Promise<string[]> {
  return readdir(directory, { recursive }).catch(() => []);
}
