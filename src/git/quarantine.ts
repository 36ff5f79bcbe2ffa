import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { syncDirectory } from './durable.ts';
import type { Repository } from './repository.ts';

/*
 * New packs are gathered in an object directory of their own, as git itself does for a push (tmp-objdir.c), so that a
 * run which dies leaves nothing in the repository but this directory. git prune knows the beginning of its name too.
 */

export const quarantinePrefix = 'tmp_objdir-treekeeper-';

export interface Quarantine {
  /** What makes git write into the quarantine, and read from the repository as well. */
  readonly env: { readonly [name: string]: string };
  /** Moves every pack into the repository and makes that durable. Until a ref names what is in them, nobody sees it. */
  migrate(): Promise<void>;
  /** Removes the quarantine, with everything that was not moved. */
  remove(): Promise<void>;
}

/** Opens one. All of it throws `TreekeeperError('failed')` where the disk refuses. */
export async function openQuarantine({ commonDir }: Repository): Promise<Quarantine> {
  const objects = join(commonDir, 'objects');
  const directory = join(objects, `${quarantinePrefix}${randomBytes(8).toString('hex')}`);
  await orFail(objects, () => mkdir(join(directory, 'pack'), { recursive: true, mode: 0o700 }));

  return {
    env: { GIT_OBJECT_DIRECTORY: directory, GIT_ALTERNATE_OBJECT_DIRECTORIES: quotePath(objects) },
    migrate: () => orFail(objects, () => movePacks(join(directory, 'pack'), join(objects, 'pack'))),
    // what cannot be removed is in nobody's way, and the next run clears it
    remove: () => rm(directory, { recursive: true, force: true }).catch(() => {}),
  };
}

async function movePacks(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });

  // git takes a pack for complete once its .idx is there, so that comes last
  const names = (await readdir(from)).filter((name) => name.startsWith('pack-'));
  const isIndex = (name: string) => name.endsWith('.idx');
  for (const name of [...names.filter((name) => !isIndex(name)), ...names.filter(isIndex)]) {
    await rename(join(from, name), join(to, name));
  }
  await syncDirectory(to);
}

async function orFail<T>(objects: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    throw new TreekeeperError('failed', `cannot write into ${objects}: ${reasonOf(cause)}`, { cause });
  }
}

/** The variable is a list with colons; a quoted entry may hold any character (link_alt_odb_entries in git's odb). */
function quotePath(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&')}"`;
}
