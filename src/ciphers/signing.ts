import type { PrivateKey, PublicKey } from 'openpgp';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { SigningKey } from '../snapshot/signing-key.ts';
import { exportFromGpg, signWithGpg } from './gpg.ts';
import { loadOpenpgp } from './openpgp.ts';
import { armor, describe, expiryWarning, readKeys } from './recipients.ts';
import { readSecretKeys, unlock } from './secret-keys.ts';

/**
 * The key in a file that signs: the one of that fingerprint, or the only one there is. Throws `TreekeeperError('unsigned')`
 * where there is none, or it cannot sign now, and `'decrypt'` where the file cannot be read or opened.
 */
export async function openSigningKey(
  file: Uint8Array,
  fingerprint: string | undefined,
  passphrase: () => Promise<string>,
): Promise<SigningKey> {
  const found = (await readSecretKeys(file)).filter(
    (key) => fingerprint === undefined || key.getFingerprint().toUpperCase() === fingerprint,
  );
  const [key, ...others] = found;
  if (!key) throw cannotSign(`the key file has no key ${fingerprint}`);
  if (others.length > 0)
    throw cannotSign(`the key file has ${found.length} keys`, 'say which with `key`, by its full fingerprint');
  await requireUsable(key);
  const [unlocked] = await unlock([key], passphrase);
  if (!unlocked) throw cannotSign('the key file has no key');
  return { ...(await known(key.toPublic())), sign: (content) => signWith(unlocked, content) };
}

/** The key of that fingerprint in the keyring of gpg, whose agent asks for a passphrase itself. Throws as the other does. */
export async function openGpgSigningKey(fingerprint: string): Promise<SigningKey> {
  const [key] = await exportFromGpg(fingerprint)
    .then(readKeys)
    .catch((cause: unknown) => {
      const hint = 'import the secret key with `gpg --import FILE`, or give its file as `keyFile`';
      throw cannotSign(reasonOf(cause), hint, cause);
    });
  if (!key) throw cannotSign(`the gpg keyring has no key ${fingerprint}`);
  await requireUsable(key);
  return { ...(await known(key)), sign: (content) => signWithGpg(fingerprint, content) };
}

async function known(key: PublicKey): Promise<Omit<SigningKey, 'sign'>> {
  const warning = await expiryWarning(key, new Date());
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    warnings: warning === undefined ? [] : [warning],

    async publicKey(kept) {
      if (kept && (await canSign(kept))) return kept;
      return Buffer.from(armor(key));
    },
  };
}

/** Whether an earlier copy of a key still serves. */
async function canSign(file: Uint8Array): Promise<boolean> {
  try {
    const [key] = await readKeys(file);
    return key !== undefined && (await key.getSigningKey().then(() => true));
  } catch {
    return false;
  }
}

async function requireUsable(key: PublicKey | PrivateKey): Promise<void> {
  try {
    await key.getSigningKey();
  } catch (cause) {
    throw cannotSign(
      `the key ${describe(key)} cannot: ${reasonOf(cause).replace(/\.$/, '')}`,
      'name another key at `sign`, or renew this one',
      cause,
    );
  }
}

async function signWith(key: PrivateKey, content: Uint8Array): Promise<string> {
  const { sign, createMessage, config } = await loadOpenpgp();
  const message = await createMessage({ binary: content });
  return sign({ message, signingKeys: key, detached: true, format: 'armored', config });
}

function cannotSign(fact: string, hint?: string, cause?: unknown): TreekeeperError {
  return new TreekeeperError('unsigned', `commits cannot be signed: ${fact}`, { ...(hint && { hint }), cause });
}
