import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { TreekeeperError } from '../errors.ts';
import type { OpenSessionKey } from './cipher.ts';
import { loadOpenpgp } from './openpgp.ts';
import { splitMessage, unsealValue } from './packets.ts';

/**
 * Finds session keys with passphrases that values are encrypted with, whichever of them opens. Throws
 * `TreekeeperError('decrypt')` where none does.
 */
export function openWithPassphrases(passphrases: readonly string[]): OpenSessionKey {
  return async (_header, bytes) => {
    const { readMessage, decryptSessionKeys, config } = await loadOpenpgp();
    for (const passphrase of passphrases) {
      const message = await readMessage({ binaryMessage: Uint8Array.from(bytes), config });
      const found = await decryptSessionKeys({ message, passwords: passphrase, config }).catch(() => []);
      // A wrong passphrase gives something that looks like a session key once in a few hundred times.
      for (const { algorithm, data } of found) if (algorithm === 'aes256' && opens(data, bytes)) return data;
    }
    throw new TreekeeperError('decrypt', 'the passphrase does not open a value that is encrypted with one', {
      hint: 'another one may have been in use when it was encrypted, or the value is damaged',
    });
  };
}

/**
 * Tells one passphrase from another in a local cache. It is as slow to guess the passphrase from it as from the values
 * themselves.
 */
export async function passphraseId(passphrase: string): Promise<string> {
  const hash = await promisify<string, string, number, Buffer>(scrypt)(passphrase, 'treekeeper recipients', 16);
  return `passphrase ${hash.toString('hex')}`;
}

function opens(sessionKey: Uint8Array, bytes: Uint8Array): boolean {
  try {
    unsealValue(sessionKey, splitMessage(bytes));
    return true;
  } catch (thrown) {
    if (thrown instanceof TreekeeperError) return false;
    throw thrown;
  }
}
