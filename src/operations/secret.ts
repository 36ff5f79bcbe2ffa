import { readFile } from 'node:fs/promises';
import type { Decryptor, OpenSessionKey } from '../ciphers/cipher.ts';
import { openDecryptor } from '../ciphers/decryptor.ts';
import { openWithGpg } from '../ciphers/gpg.ts';
import { type Audience, audienceOf } from '../ciphers/packets.ts';
import { openWithPassphrases } from '../ciphers/passphrases.ts';
import { openWithSecretKeys } from '../ciphers/secret-keys.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';

/** Where secret keys and passphrases are. */
export interface SecretSource {
  /** A file with secret keys. gpg is not asked where there is one. */
  readonly keyFile: string | undefined;
  /** The passphrase of the key in the file: asked once, and only where the key is protected. */
  keyPassphrase(): Promise<string>;
  /** Passphrases that values may be encrypted with, as far as they are known without asking anybody. */
  passphrases(): readonly string[];
  /** Asks for such a passphrase. */
  askPassphrase?(): Promise<string>;
  /** Whether gpg and its agent may be asked, which may ask a person. */
  readonly gpg: boolean;
}

/** Opens encrypted values with whatever fits them first. Nothing is looked for before the first value needs it. */
export function openSecret({ keyFile, keyPassphrase, passphrases, askPassphrase, gpg }: SecretSource): Decryptor {
  const fromFile = once(() => openFile(keyFile ?? '', keyPassphrase));
  const fromGpg = once(async () => openWithGpg());
  const fromKnown = once(async () => openWithPassphrases(passphrases()));
  const fromAsked = once(async () => openWithPassphrases([(await askPassphrase?.()) ?? '']));

  return openDecryptor(async (header, message) => {
    let failure = nothingAtHand;
    for (const way of waysFor(audienceOf(header))) {
      try {
        return await (await way())(header, message);
      } catch (thrown) {
        if (!(thrown instanceof TreekeeperError && thrown.code === 'decrypt')) throw thrown;
        if (failure === nothingAtHand) failure = thrown;
      }
    }
    throw failure;
  });

  function* waysFor({ keyIds, passphrase }: Audience): Generator<() => Promise<OpenSessionKey>> {
    if (keyIds.length > 0 && keyFile !== undefined) yield fromFile;
    if (passphrase && passphrases().length > 0) yield fromKnown;
    if (keyIds.length > 0 && keyFile === undefined && gpg) yield fromGpg;
    if (passphrase && askPassphrase) yield fromAsked;
  }
}

const nothingAtHand = new TreekeeperError('decrypt', 'there is nothing at hand that opens an encrypted value', {
  hint: 'name the file of a secret key with --key-file, or that of a passphrase with --passphrase-file',
});

function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let making: Promise<Result> | undefined;
  return () => {
    making ??= make();
    return making;
  };
}

async function openFile(path: string, passphrase: () => Promise<string>): Promise<OpenSessionKey> {
  const content = await readFile(path).catch((cause: unknown) => {
    throw new TreekeeperError('decrypt', `cannot read the secret key file ${path}: ${reasonOf(cause)}`, { cause });
  });
  return openWithSecretKeys(content, passphrase);
}
