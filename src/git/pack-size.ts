import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from './repository.ts';

export interface PackSize {
  readonly packs: number;
  readonly bytes: number;
}

/** How many packs there are, and how large they are together. */
export async function measurePacks({ commonDir }: Repository): Promise<PackSize> {
  const directory = join(commonDir, 'objects', 'pack');
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.pack'));
  const sizes = await Promise.all(names.map((name) => stat(join(directory, name)).catch(() => undefined)));
  return { packs: names.length, bytes: sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0) };
}
