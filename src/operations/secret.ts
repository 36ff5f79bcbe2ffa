import { readFile } from 'node:fs/promises';
import type { Decryptor, OpenSessionKey } from '../ciphers/cipher.ts';
import { openDecryptor } from '../ciphers/decryptor.ts';
import { openWithGpg } from '../ciphers/gpg.ts';
import { openWithSecretKeys } from '../ciphers/secret-keys.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';

/** Where a secret key is: in a file, else with gpg and its agent. */
export interface SecretSource {
  readonly keyFile: string | undefined;
  /** Asked once, and only where the key of the file is protected. */
  passphrase(): Promise<string>;
}

/** Opens encrypted values with a secret key, which is looked for when the first value needs it. */
export function openSecret({ keyFile, passphrase }: SecretSource): Decryptor {
  let finding: Promise<OpenSessionKey> | undefined;
  return openDecryptor(async (header, message) => {
    finding ??= keyFile === undefined ? Promise.resolve(openWithGpg) : openFile(keyFile, passphrase);
    return (await finding)(header, message);
  });
}

async function openFile(path: string, passphrase: () => Promise<string>): Promise<OpenSessionKey> {
  const content = await readFile(path).catch((cause: unknown) => {
    throw new TreekeeperError('decrypt', `cannot read the secret key file ${path}: ${reasonOf(cause)}`, { cause });
  });
  return openWithSecretKeys(content, passphrase);
}
