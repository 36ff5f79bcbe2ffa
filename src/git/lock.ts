import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { clearLeftovers, lockDirectory } from './leftovers.ts';
import { isAlive, type ProcessIdentity, thisProcess } from './process-identity.ts';
import type { Repository } from './repository.ts';

/** Who holds the lock. */
interface Owner extends ProcessIdentity {
  readonly nonce: string;
  /** ISO 8601. */
  readonly since: string;
}

/**
 * Takes the lock under which a repository is written, and clears away what dead runs left there. A lock whose owner is
 * dead is taken over. Throws `TreekeeperError('locked')` where another run holds it; that run may be on another host,
 * which only a person can tell to be dead; and `'failed'` where the repository cannot be written. Disposing of it gives
 * it back.
 */
export async function acquireLock(repository: Repository): Promise<AsyncDisposable> {
  const directory = join(repository.commonDir, lockDirectory);
  const path = join(directory, 'lock');
  const owner: Owner = { ...thisProcess(), nonce: randomBytes(8).toString('hex'), since: new Date().toISOString() };

  try {
    await mkdir(directory, { recursive: true });
    await take(directory, 'lock', owner);
  } catch (cause) {
    if (cause instanceof TreekeeperError) throw cause;
    throw new TreekeeperError('failed', `cannot lock the repository ${repository.gitDir}: ${reasonOf(cause)}`, {
      hint: 'it has to be on a disk that this user may write, with hard links',
      cause,
    });
  }

  const release = async () => {
    if ((await readOwner(path))?.nonce !== owner.nonce) return;
    await rm(path, { force: true }).catch((cause) => {
      throw new TreekeeperError('failed', `the work is done, and its lock cannot be removed: ${reasonOf(cause)}`, {
        hint: 'once this process has ended, the next run takes the lock over',
        cause,
      });
    });
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
 * Makes the file `name` say that it is ours. A link is atomic, and fails where the file exists. To replace the file of
 * a dead owner takes a second file, named after that owner's nonce: who holds it is the only one who may replace what
 * still has this nonce, and a nonce that was replaced never comes back. The second file is taken in the same way, since
 * its owner may die too.
 */
async function take(directory: string, name: string, owner: Owner): Promise<void> {
  const path = join(directory, name);
  const own = join(directory, `${owner.nonce}.new`);
  try {
    for (;;) {
      await writeDurably(own, JSON.stringify(owner));
      if (await tryLink(own, path)) return;

      const holder = await readOwner(path);
      if (holder === undefined) continue;
      if (isAlive(holder)) throw locked(holder, path);

      const right = `${holder.nonce}.dead`;
      await take(directory, right, owner);
      try {
        await writeDurably(own, JSON.stringify(owner));
        if ((await readOwner(path))?.nonce === holder.nonce) return await rename(own, path);
      } finally {
        await rm(join(directory, right), { force: true });
      }
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** After a power cut the lock is to name its owner, or not to be there. */
async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
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
    hint: host === thisProcess().host ? 'wait for it to end' : `if it is gone for good, remove ${path}`,
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
