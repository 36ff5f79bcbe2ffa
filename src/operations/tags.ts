import { createHmac, randomBytes } from 'node:crypto';
import type { Repository } from '../git/repository.ts';
import type { Oid } from '../snapshot/objects.ts';
import { readCache, writeCache } from './cache-file.ts';

/** What is known of one ciphertext. */
export interface Tag {
  /** Of the recipients, as `Encryptor` has it. */
  readonly setId: string;
  /** Whether it is that node's and holds that value. */
  holds(key: Uint8Array, value: Uint8Array): boolean;
}

/** Tells without any secret key what lies in the ciphertexts that this host made. */
export interface Tags {
  find(oid: Oid): Tag | undefined;
  /** Notes what lies in a new ciphertext. */
  add(oid: Oid, setId: string, key: Uint8Array, value: Uint8Array): void;
  /** Replaces what is on the disk by what was added or found this time. */
  save(): Promise<void>;
}

const kind = 'treekeeper tags 2';
const keySize = 32;
const oidSize = 20;
const setSize = 16;
const tagSize = 16;
const recordSize = oidSize + setSize + tagSize;

/*
 * A random key, then a record for each ciphertext: its id, the id of its recipients, and an HMAC over everything that
 * it is about. A record says nothing of a value to whoever has not the key, and nothing of another ciphertext, node or store.
 */
export async function openTags(repository: Repository, store: string): Promise<Tags> {
  const name = `tags-${store}`;
  const content = (await readCache(repository, name, kind)) ?? Buffer.alloc(0);
  const isWhole = content.length >= keySize && (content.length - keySize) % recordSize === 0;
  const secret = isWhole ? content.subarray(0, keySize) : randomBytes(keySize);
  const known = new Map<Oid, Buffer>();
  for (let at = keySize; isWhole && at < content.length; at += recordSize)
    known.set(content.toString('hex', at, at + oidSize), content.subarray(at, at + recordSize));
  const kept = new Map<Oid, Buffer>();

  return {
    find(oid) {
      const record = known.get(oid);
      if (!record) return undefined;
      kept.set(oid, record);
      const setId = record.toString('hex', oidSize, oidSize + setSize);
      const tag = record.subarray(oidSize + setSize);
      return { setId, holds: (key, value) => tagOf({ secret, store, oid, setId, key, value }).equals(tag) };
    },

    add(oid, setId, key, value) {
      const tag = tagOf({ secret, store, oid, setId, key, value });
      kept.set(oid, Buffer.concat([Buffer.from(oid, 'hex'), Buffer.from(setId, 'hex'), tag]));
    },

    save: () => writeCache(repository, name, kind, [secret, ...kept.values()]),
  };
}

interface Tagged {
  readonly secret: Uint8Array;
  readonly store: string;
  readonly oid: Oid;
  readonly setId: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function tagOf({ secret, store, oid, setId, key, value }: Tagged): Buffer {
  // Only the lengths of the name and of the key can vary before the value, so with them every part is where it is.
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(Buffer.byteLength(store), 0);
  lengths.writeUInt32BE(key.length, 4);
  const about = Buffer.concat([lengths, Buffer.from(`${store}${oid}${setId}`), key]);
  return createHmac('sha256', secret).update(about).update(value).digest().subarray(0, tagSize);
}
