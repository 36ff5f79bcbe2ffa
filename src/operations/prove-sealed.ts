import type { Decryptor } from '../ciphers/cipher.ts';
import { splitMessage } from '../ciphers/packets.ts';
import { TreekeeperError } from '../errors.ts';

/**
 * Proves one encrypted value of the node with that key. With a secret key it is opened, and then every bit of it is as it
 * was written, for that node: `opened`. Without one only its form can be looked at: `well-formed`. Throws
 * `TreekeeperError('integrity')` where it is damaged or belongs to another node.
 */
export async function proveSealed(
  key: Uint8Array,
  message: Uint8Array,
  decryptor: Decryptor | undefined,
): Promise<'opened' | 'well-formed'> {
  splitMessage(message);
  if (!decryptor) return 'well-formed';
  try {
    await decryptor.decrypt(key, message);
    return 'opened';
  } catch (thrown) {
    if (thrown instanceof TreekeeperError && thrown.code === 'decrypt') return 'well-formed';
    throw thrown;
  }
}
