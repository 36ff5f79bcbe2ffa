import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';

/** What a tag is about: which plain value lies in which ciphertext, of which node, for whom. */
export interface Tagged {
  readonly store: string;
  readonly key: Uint8Array;
  /** Of the recipients. */
  readonly setId: string;
  readonly value: Uint8Array;
  readonly oid: Oid;
}

/** Tells without any secret key whether a ciphertext still holds a value. */
export interface Tags {
  /** Nothing was known before: every value is encrypted anew. */
  readonly isEmpty: boolean;
  has(tagged: Tagged): boolean;
  add(tagged: Tagged): void;
  /** Replaces what is on the disk by what was added, if that went well. */
  save(): Promise<void>;
}

const magic = Buffer.from('treekeeper tags 1\n');
const keySize = 32;
const tagSize = 16;
const sumSize = 32;

/*
 * A local cache beside the lock, readable by its owner alone and never pushed: a random key, then the tags, each an HMAC over
 * everything that it is about, then a checksum. A tag says nothing to whoever has not the key, and nothing of another
 * ciphertext. Without the file, or with another or a damaged one, values are encrypted anew: never is a wrong one taken.
 */
export async function openTags({ gitDir }: Repository, store: string): Promise<Tags> {
  const path = join(gitDir, 'treekeeper', `tags-${store}`);
  const content = await readFile(path).catch(() => Buffer.alloc(0));
  const body = content.subarray(0, -sumSize);
  const isWhole = body.subarray(0, magic.length).equals(magic) && checksum(body).equals(content.subarray(-sumSize));
  const secret = isWhole ? body.subarray(magic.length, magic.length + keySize) : randomBytes(keySize);
  const known = new Set<string>();
  const first = magic.length + keySize;
  for (let at = first; isWhole && at + tagSize <= body.length; at += tagSize)
    known.add(body.toString('latin1', at, at + tagSize));
  const added: Buffer[] = [];

  return {
    isEmpty: known.size === 0,
    has: (tagged) => known.has(tagOf(secret, tagged).toString('latin1')),
    add: (tagged) => void added.push(tagOf(secret, tagged)),

    async save() {
      const all = Buffer.concat([magic, secret, ...added]);
      const temporary = `${path}.${randomBytes(8).toString('hex')}`;
      try {
        await writeFile(temporary, Buffer.concat([all, checksum(all)]), { mode: 0o600, flag: 'wx' });
        await rename(temporary, path);
      } catch {
        await rm(temporary, { force: true }).catch(() => {});
      }
    },
  };
}

function tagOf(secret: Uint8Array, { store, key, setId, value, oid }: Tagged): Buffer {
  const hmac = createHmac('sha256', secret);
  for (const part of [Buffer.from(store), key, Buffer.from(setId), value, Buffer.from(oid)]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hmac.update(length).update(part);
  }
  return hmac.digest().subarray(0, tagSize);
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
