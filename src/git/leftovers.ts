import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quarantinePrefix } from './quarantine.ts';
import type { Repository } from './repository.ts';

/**
 * Removes what a run of ours that died left in the repository. To be called only by the holder of the lock: then every
 * quarantine is a dead one, and so is every lock file of the branch that we move, which git itself never clears.
 */
export async function clearLeftovers({ gitDir, branch }: Repository): Promise<void> {
  const objects = join(gitDir, 'objects');
  const names = await readdir(objects).catch(() => []);
  const dead = names.filter((name) => name.startsWith(quarantinePrefix)).map((name) => join(objects, name));
  const locks = [`${branch}.lock`, 'HEAD.lock'].map((name) => join(gitDir, name));
  for (const path of [...dead, ...locks]) await rm(path, { recursive: true, force: true });
}
