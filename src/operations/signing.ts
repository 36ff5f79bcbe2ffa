import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { type Environment, readPassphrase } from '../config/credentials.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Signer, SigningKey } from '../snapshot/signing-key.ts';
import { parseFingerprint } from './fingerprint.ts';

/**
 * What signs commits, as the configuration says; `undefined` where it says nothing. `ask` is for the passphrase of a key
 * file for which no other source is named. Nothing is loaded before a key is needed.
 */
export function configuredSigner(
  config: Config | undefined,
  environment: Environment,
  ask: () => Promise<string>,
): Signer | undefined {
  if (!config?.sign) return undefined;
  let opening: Promise<SigningKey> | undefined;
  return {
    open() {
      opening ??= openKey(config, environment, ask);
      return opening;
    },
  };
}

async function openKey(
  { sign = {}, trust, directory }: Config,
  environment: Environment,
  ask: () => Promise<string>,
): Promise<SigningKey> {
  const { openGpgSigningKey, openSigningKey } = await import('../ciphers/signing.ts');
  const fingerprint = sign.key === undefined ? undefined : parseFingerprint(sign.key);
  let key: SigningKey;
  if (sign.keyFile !== undefined) {
    const passphrase = async () => readPassphrase(sign, directory, environment) ?? ask();
    key = await openSigningKey(await read(resolve(directory, sign.keyFile)), fingerprint, passphrase);
  } else if (fingerprint !== undefined) {
    key = await openGpgSigningKey(fingerprint);
  } else throw new TreekeeperError('usage', '`sign` in the configuration names neither a key nor a keyFile');

  if (!trust || trust.signers.map(parseFingerprint).includes(key.fingerprint)) return key;
  throw new TreekeeperError('usage', `this host signs with ${key.fingerprint}, which \`trust\` does not name`, {
    hint: 'add it to the signers there: what this host records could not be restored here',
  });
}

async function read(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new TreekeeperError('usage', `cannot read the signing key ${path}: ${reasonOf(cause)}`, { cause });
  });
}
