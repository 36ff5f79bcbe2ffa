import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { isAlive, type ProcessIdentity, thisProcess } from './process-identity.ts';
import type { Repository } from './repository.ts';
import { clearLeftovers } from './leftovers.ts';

/** Who holds the lock. */
interface Owner extends ProcessIdentity {
  readonly nonce: string;
  /** ISO 8601. */
  readonly since: string;
}

/**
 * Takes the lock under which a repository is written, and clears away what dead runs left there. A lock whose owner is
 * dead is taken over. Throws `TreekeeperError('locked')` where another run holds it; that run may be on another host,
 * which only a person can tell to be dead. Disposing of it gives it back.
 */
export async function acquireLock(repository: Repository): Promise<AsyncDisposable> {
  const directory = join(repository.gitDir, 'treekeeper');
  const path = join(directory, 'lock');
  const owner: Owner = { ...thisProcess(), nonce: randomBytes(8).toString('hex'), since: new Date().toISOString() };
  const own = join(directory, `lock.${owner.nonce}`);

  try {
    await mkdir(directory, { recursive: true });
    await writeFile(own, JSON.stringify(owner), { flag: 'wx' });
  } catch (cause) {
    throw new TreekeeperError('failed', `cannot lock the repository ${repository.gitDir}: ${reasonOf(cause)}`, { cause });
  }
  try {
    await take(own, path, owner.nonce);
  } finally {
    await rm(own, { force: true });
  }

  const release = async () => {
    if ((await readOwner(path))?.nonce === owner.nonce) await rm(path, { force: true });
  };
  try {
    await clearLeftovers(repository);
  } catch (thrown) {
    await release();
    throw thrown;
  }
  return { [Symbol.asyncDispose]: release };
}

/**
 * Makes `path` a link to `own`, which is atomic and fails where `path` exists. Where its owner is dead, the lock is first
 * moved to a name that only one can take: of all that saw the same dead owner, one wins the rename, since a second lock
 * at `path` by then is a living run's and is put back.
 */
async function take(own: string, path: string, nonce: string): Promise<void> {
  for (;;) {
    if (await tryLink(own, path)) return;
    const holder = await readOwner(path);
    if (holder === undefined) continue;
    if (isAlive(holder)) throw locked(holder, path);

    const aside = `${path}.dead.${nonce}`;
    await rename(path, aside).catch(ignoreMissing);
    const moved = await readOwner(aside);
    // Somebody took the dead lock over between our look and our rename: give it back.
    if (moved && moved.nonce !== holder.nonce) await tryLink(aside, path);
    await rm(aside, { force: true });
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** A lock that cannot be understood was not written by us; its owner counts as alive, so that a person looks at it. */
async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw new TreekeeperError('locked', `the lock ${path} cannot be read: ${reasonOf(error)}`, {
      hint: 'if no treekeeper is running, remove that file',
      cause: error,
    });
  }
}

function locked({ pid, host, since }: Owner, path: string): TreekeeperError {
  return new TreekeeperError('locked', `another run holds the repository: process ${pid} on ${host}, since ${since}`, {
    hint: host === thisProcess().host ? 'wait for it to end' : `if that host is gone for good, remove ${path}`,
  });
}

function ignoreMissing(error: unknown): void {
  if (!isCode(error, 'ENOENT')) throw error;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
