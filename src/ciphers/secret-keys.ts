import type { PrivateKey } from 'openpgp';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { OpenSessionKey } from './cipher.ts';
import { keyBlocks } from './key-blocks.ts';
import { loadOpenpgp } from './openpgp.ts';
import { audienceOf, splitMessage } from './packets.ts';

/**
 * Finds session keys with secret keys from a file, armored or not. `passphrase` is asked once where one of them is
 * protected. Throws `TreekeeperError('decrypt')` where the file holds none, or the passphrase is wrong.
 */
export async function openWithSecretKeys(file: Uint8Array, passphrase: () => Promise<string>): Promise<OpenSessionKey> {
  const openpgp = await loadOpenpgp();
  const { config } = openpgp;
  const unlocked = await unlock(await readSecretKeys(file), passphrase);

  return async (_header, bytes) => {
    try {
      const message = await openpgp.readMessage({ binaryMessage: Uint8Array.from(bytes), config });
      const [found] = await openpgp.decryptSessionKeys({ message, decryptionKeys: unlocked, config });
      if (found?.algorithm === 'aes256') return found.data;
    } catch (cause) {
      throw cannotOpen(bytes, cause);
    }
    throw cannotOpen(bytes, undefined);
  };
}

/** The secret keys in a file, armored or not, locked as they are. Throws `TreekeeperError('decrypt')`. */
export async function readSecretKeys(file: Uint8Array): Promise<PrivateKey[]> {
  const { readPrivateKeys, config } = await loadOpenpgp();
  try {
    const keys: PrivateKey[] = [];
    for (const block of keyBlocks(file)) {
      const isArmored = typeof block === 'string';
      const read = isArmored
        ? readPrivateKeys({ armoredKeys: block, config })
        : readPrivateKeys({ binaryKeys: block, config });
      keys.push(...(await read));
    }
    return keys;
  } catch (cause) {
    throw new TreekeeperError('decrypt', `the secret key file cannot be read: ${reasonOf(cause)}`, {
      hint: 'export it with `gpg --export-secret-keys --armor FINGERPRINT`',
      cause,
    });
  }
}

/** The error for a message that none of the keys at hand opens. */
export function cannotOpen(bytes: Uint8Array, cause: unknown): TreekeeperError {
  const ids = audienceOf(splitMessage(bytes).header).keyIds.join(', ');
  return new TreekeeperError('decrypt', `no secret key at hand opens a value that is encrypted to ${ids}`, {
    hint: 'name the file of a secret key with --key-file, or put it into the gpg keyring; `log` and `diff` work without',
    cause,
  });
}

/** Secret keys ready for use. `passphrase` is asked once, where one is protected. Throws `TreekeeperError('decrypt')`. */
export async function unlock(keys: readonly PrivateKey[], passphrase: () => Promise<string>): Promise<PrivateKey[]> {
  const { decryptKey, config } = await loadOpenpgp();
  let given: string | undefined;
  const unlocked: PrivateKey[] = [];
  for (const key of keys) {
    if (key.isDecrypted()) {
      unlocked.push(key);
      continue;
    }
    given ??= await passphrase();
    try {
      unlocked.push(await decryptKey({ privateKey: key, passphrase: given, config }));
    } catch (cause) {
      throw new TreekeeperError(
        'decrypt',
        `the passphrase does not open the secret key ${key.getFingerprint().toUpperCase()}`,
        {
          hint: 'try again; it is the passphrase of the key, not of the service',
          cause,
        },
      );
    }
  }
  return unlocked;
}
