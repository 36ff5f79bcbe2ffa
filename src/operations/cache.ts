import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TreekeeperError } from '../errors.ts';
import { acquireLock } from '../git/lock.ts';
import { openReader } from '../git/open-reader.ts';
import type { ObjectReader } from '../git/reader.ts';
import { readBranch } from '../git/refs.ts';
import { formatRemoteUrl } from '../git/remote-url.ts';
import { createRepository, openRepository, type Repository } from '../git/repository.ts';
import { type FetchRequest, fetchBranch, isShallowRepository, listRemote } from '../git/transport.ts';
import type { Oid } from '../snapshot/objects.ts';
import { requireAcceptable } from './accept.ts';
import type { Surroundings } from './connect.ts';
import { headOf } from './fetch.ts';
import type { Depth } from './open.ts';
import { type Remote, remoteAt } from './remotes.ts';

/**
 * The branch of a remote, fetched into this user's cache: what was fetched before is not fetched again. Others may use the
 * same cache at the same time. One that is damaged is made anew. Throws `TreekeeperError('failed')` where the remote cannot
 * be read, and `'unsigned'` where what it has now may not be taken.
 */
export async function openCached(url: string, surroundings: Surroundings, depth: Depth): Promise<Repository> {
  const remote = remoteAt(url, surroundings);
  const text = formatRemoteUrl(remote.url);
  const found = await listRemote(undefined, remote.url, remote.access, 'failed');
  const branch = headOf(found, text);
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
  const path = join(cacheDirectory(surroundings), `${name}.git`);
  const memory = join(cacheDirectory(surroundings), `${name}.seen`);
  const wanted = { remote, branch, tip: found.refs.get(`refs/heads/${branch}`), depth, memory };
  const seen = await inodeOf(path);
  try {
    return await bringUpToDate(await openRepository(path, branch), wanted);
  } catch (thrown) {
    if (!(thrown instanceof TreekeeperError) || thrown.code === 'locked' || thrown.code === 'unsigned') throw thrown;
    // Not there, damaged, or the remote failed: what comes now replaces it, if the remote has it.
    return await replaceCache(path, seen, wanted);
  }
}

/** The reader of a cache: where that turns out to be damaged it is thrown away, since the remote has it all. */
export function readCache({ gitDir }: Repository, reader: ObjectReader): ObjectReader {
  const healing = async <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    try {
      return await answer;
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError) || thrown.code !== 'integrity') throw thrown;
      await discard(gitDir);
      throw new TreekeeperError('integrity', `${thrown.message}, in the cache of the remote`, {
        hint: `that cache (${gitDir}) was thrown away: run it again`,
        cause: thrown,
      });
    }
  };
  return {
    resolve: (name) => healing(reader.resolve(name)),
    read: (oid) => healing(reader.read(oid)),
    readTree: (oid) => healing(reader.readTree(oid)),
    readBlob: (oid) => healing(reader.readBlob(oid)),
    ancestors: (oid, most) => healing(reader.ancestors(oid, most)),
    refs: () => healing(reader.refs()),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

interface Wanted {
  readonly remote: Remote;
  readonly branch: string;
  /** Where the branch is there. */
  readonly tip: Oid | undefined;
  readonly depth: Depth;
  /** The file that tells what was taken from there last. It is no part of the cache, which may be thrown away. */
  readonly memory: string;
}

async function bringUpToDate(
  repository: Repository,
  { remote, branch, tip, depth, memory }: Wanted,
): Promise<Repository> {
  await using _turn = await waitForLock(repository);
  const ours = await readBranch(repository);
  const known = await readMemory(memory);
  // Both: the one may have been put back, or not been written, and the other thrown away.
  const seen = [known, ours].filter((oid) => oid !== undefined);
  for (const oid of seen) if (ours !== undefined && oid !== tip) await requireObject(repository, oid);
  const accept = (found: Oid) => requireAcceptable(repository, remote, seen, found);
  const isEnough = depth === 'newest' || !(await isShallowRepository(repository));
  if (isEnough && tip !== undefined && ours === tip) await accept(tip);
  else {
    // Where something was seen, what came since has to be there, to tell whether it comes from that.
    const isPart = depth === 'newest' && (seen.length === 0 || ours !== undefined);
    const request: FetchRequest = {
      ref: `refs/heads/${branch}`,
      into: [repository.branch],
      accept,
      ...(isPart && { part: seen.length === 0 ? 'newest' : 'new' }),
    };
    await fetchBranch(repository, remote.url, request, remote.access);
  }
  const taken = await readBranch(repository);
  if (taken !== undefined && taken !== known) await writeMemory(memory, taken);
  return repository;
}

/** A cache that lacks what it once had is damaged: that is no fault of the remote. Throws `TreekeeperError('integrity')`. */
async function requireObject(repository: Repository, oid: Oid): Promise<void> {
  await using reader = await openReader(repository);
  await reader.read(oid);
}

async function readMemory(path: string): Promise<Oid | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^[0-9a-f]{40}$/.exec(text.trim())?.[0];
}

/** What cannot be written stays as it was: what the cache has counts as well. */
async function writeMemory(path: string, oid: Oid): Promise<void> {
  const temporary = aside(path);
  try {
    await writeFile(temporary, `${oid}\n`, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** Fetches into a new cache and puts it, whole, in place of the one that was no good, unless somebody else did so meanwhile. */
async function replaceCache(path: string, bad: number | undefined, wanted: Wanted): Promise<Repository> {
  const fresh = aside(path);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await bringUpToDate(await createRepository(fresh, wanted.branch), wanted);
    if (bad !== undefined && (await inodeOf(path)) === bad) await discard(path);
    await rename(fresh, path).catch(() => {});
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return bringUpToDate(await openRepository(path, wanted.branch), wanted);
}

/** Nobody finds a half of it. */
async function discard(path: string): Promise<void> {
  const away = aside(path);
  await rename(path, away).catch(() => {});
  await rm(away, { recursive: true, force: true });
}

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}

const aside = (path: string) => `${path}.${randomBytes(8).toString('hex')}`;

/** Another run that fetches into the same cache is soon done. */
async function waitForLock(repository: Repository): Promise<AsyncDisposable> {
  for (const end = Date.now() + 10 * 60_000; ; ) {
    try {
      return await acquireLock(repository);
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError) || thrown.code !== 'locked' || Date.now() > end) throw thrown;
      await delay(50 + Math.random() * 100);
    }
  }
}

/** Where this user's caches are (XDG Base Directory Specification). */
function cacheDirectory({ environment }: Surroundings): string {
  return join(environment['XDG_CACHE_HOME'] || join(environment['HOME'] ?? homedir(), '.cache'), 'treekeeper');
}
