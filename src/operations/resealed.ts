import type { Decryptor } from '../ciphers/cipher.ts';
import { TreekeeperError } from '../errors.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import type { Change } from '../snapshot/diff.ts';
import type { Snapshot } from '../snapshot/walk.ts';
import { openContents } from './contents.ts';

/**
 * The changes without those that are only of encryption: the same value under another ciphertext, or now in clear. Where
 * `decryptor` cannot open one, it stays.
 */
export async function withoutResealed(
  changes: readonly Change[],
  before: Snapshot,
  after: Snapshot,
  decryptor: Decryptor,
): Promise<Change[]> {
  const [was, is] = [openContents(before, decryptor), openContents(after, decryptor)];
  const real: Change[] = [];
  for (const change of changes) if (!(await isOnlyResealed(change))) real.push(change);
  return real;

  async function isOnlyResealed({ before: a, after: b }: Change): Promise<boolean> {
    if (!a?.value || !b?.value || a.attributes !== b.attributes) return false;
    if (!(a.value.encrypted || b.value.encrypted)) return false;
    try {
      const [old, now] = [await was.value(a), await is.value(b)];
      return old !== null && now !== null && sameBytes(old, now);
    } catch (thrown) {
      if (thrown instanceof TreekeeperError && thrown.code !== 'integrity') return false;
      throw thrown;
    }
  }
}
