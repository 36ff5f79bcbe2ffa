import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockDirectory } from '../git/leftovers.ts';
import type { Repository } from '../git/repository.ts';

/*
 * Local caches lie beside the lock, readable by their owner alone, and are never pushed. Each begins with a line that names
 * what it is and ends with a checksum of everything before. One that is missing, cut off, damaged or of another kind is as
 * good as none: it costs time, and nothing is ever taken from it.
 */

const checksumSize = 32;

/** What a cache holds, or `undefined`. `kind` is its first line: another version of what is in it has another one. */
export async function readCache(repository: Repository, name: string, kind: string): Promise<Buffer | undefined> {
  const content = await readFile(pathOf(repository, name)).catch(() => Buffer.alloc(0));
  const body = content.subarray(0, -checksumSize);
  const first = Buffer.from(`${kind}\n`);
  const isWhole = checksum(body).equals(content.subarray(-checksumSize));
  return isWhole && body.subarray(0, first.length).equals(first) ? body.subarray(first.length) : undefined;
}

/** Replaces a cache. To be called under the lock. One that cannot be written is one that is not there. */
export async function writeCache(
  repository: Repository,
  name: string,
  kind: string,
  parts: readonly Uint8Array[],
): Promise<void> {
  const path = pathOf(repository, name);
  // Not after the cache: a store may be called anything.
  const temporary = pathOf(repository, `new-${randomBytes(8).toString('hex')}`);
  const body = Buffer.concat([Buffer.from(`${kind}\n`), ...parts]);
  try {
    await writeFile(temporary, Buffer.concat([body, checksum(body)]), { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

function pathOf({ commonDir }: Repository, name: string): string {
  return join(commonDir, lockDirectory, name);
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
