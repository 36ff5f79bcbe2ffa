import type { Decryptor } from '../ciphers/cipher.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import type { ObjectSink } from '../snapshot/objects.ts';
import { findNode, type Snapshot } from '../snapshot/walk.ts';
import { openContents } from './contents.ts';
import type { Sealer } from './seal.ts';

/**
 * For a live service that is compared with a snapshot: a value that is encrypted there, and is the same, stands as it does
 * there; one that is not is a plain value, and so a difference. Throws `TreekeeperError('decrypt')` without a key.
 */
export function openComparer(
  stored: Snapshot,
  sink: ObjectSink,
  decryptor: Decryptor | undefined,
): Pick<Sealer, 'rules' | 'basis' | 'applies' | 'seal'> | undefined {
  if (!stored.manifest.encrypt) return undefined;
  const contents = openContents(stored, decryptor);
  return {
    rules: stored.manifest.encrypt,
    basis: '',
    applies: () => true,

    async seal(key, value) {
      const { entry } = await findNode(stored, key);
      if (entry?.value?.encrypted) {
        const before = await contents.value(entry);
        if (before && sameBytes(before, value)) return entry.value;
      }
      return { oid: sink.blob(value), encrypted: false };
    },
  };
}
