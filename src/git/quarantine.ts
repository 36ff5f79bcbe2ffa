import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from './repository.ts';

/*
 * New packs are gathered in an object directory of their own, as git itself does for a push (tmp-objdir.c), so that a
 * run which dies leaves nothing in the repository but this directory. git prune knows the beginning of its name too.
 */

export const quarantinePrefix = 'tmp_objdir-treekeeper-';

export interface Quarantine {
  /** What makes git write into the quarantine, and read from the repository as well. */
  readonly env: { readonly [name: string]: string };
  /** Moves everything into the repository and makes it durable. Until a ref names it, nobody sees it. */
  migrate(): Promise<void>;
  remove(): Promise<void>;
}

export async function openQuarantine({ gitDir }: Repository): Promise<Quarantine> {
  const objects = join(gitDir, 'objects');
  const directory = join(objects, `${quarantinePrefix}${randomBytes(8).toString('hex')}`);
  await mkdir(join(directory, 'pack'), { recursive: true, mode: 0o700 });

  return {
    env: { GIT_OBJECT_DIRECTORY: directory, GIT_ALTERNATE_OBJECT_DIRECTORIES: quotePath(objects) },

    async migrate() {
      const packs = join(objects, 'pack');
      await mkdir(packs, { recursive: true });
      // git takes a pack for complete once its .idx is there, so that comes last.
      const names = (await readdir(join(directory, 'pack'))).filter((name) => name.startsWith('pack-'));
      const isIndex = (name: string) => name.endsWith('.idx');
      for (const name of [...names.filter((name) => !isIndex(name)), ...names.filter(isIndex)]) {
        await rename(join(directory, 'pack', name), join(packs, name));
      }
      await syncDirectory(packs);
      await rm(directory, { recursive: true, force: true });
    },

    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A rename is durable only once the directory is. Windows neither needs nor allows it. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The variable is a list with colons; a quoted entry may hold any character (link_alt_odb_entries in git's odb). */
function quotePath(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&')}"`;
}
