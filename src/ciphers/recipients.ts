import { createHash } from 'node:crypto';
import type { Key, PublicKey } from 'openpgp';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { loadOpenpgp } from './openpgp.ts';

/** Those that values are encrypted to, all of them usable now. */
export interface Recipients {
  readonly keys: readonly PublicKey[];
  /** The same for the same set, whatever its order. */
  readonly setId: string;
  /** What will not work much longer, one line each. */
  readonly warnings: readonly string[];
}

const day = 24 * 60 * 60 * 1000;
/** From when on it is warned that a key expires. */
const notice = 30 * day;

/**
 * Finds the keys with these full fingerprints (of primary keys, 40 hex digits) and proves that each can be encrypted to.
 * Throws `TreekeeperError('recipient')`, which names the key, where one is missing, expired, revoked, too weak or without an
 * encryption subkey.
 */
export async function openRecipients(
  keyFiles: readonly Uint8Array[],
  fingerprints: readonly string[],
  now = new Date(),
): Promise<Recipients> {
  const known = new Map<string, PublicKey>();
  for (const file of keyFiles)
    for (const key of await readKeys(file)) known.set(key.getFingerprint().toUpperCase(), key);

  const keys: PublicKey[] = [];
  const warnings: string[] = [];
  for (const fingerprint of [...new Set(fingerprints.map(normalize))].sort()) {
    const key = known.get(fingerprint);
    if (!key) throw unusable(fingerprint, 'its public key is not at hand', 'add it with `treekeeper keys add FILE`');
    await requireUsable(key, fingerprint, now);
    const warning = await expiryWarning(key, now);
    if (warning !== undefined) warnings.push(warning);
    keys.push(key);
  }
  const fingerprintsFound = keys.map((key) => key.getFingerprint()).join('\n');
  return { keys, setId: createHash('sha256').update(fingerprintsFound).digest('hex').slice(0, 32), warnings };
}

/** The public keys in a file, armored or not. Throws `TreekeeperError('recipient')` where it holds none. */
export async function readKeys(file: Uint8Array): Promise<PublicKey[]> {
  const { readKeys: read } = await loadOpenpgp();
  try {
    const isArmored = Buffer.from(file.subarray(0, 4096)).includes('-----BEGIN PGP');
    const keys = isArmored
      ? await read({ armoredKeys: Buffer.from(file).toString() })
      : await read({ binaryKeys: Uint8Array.from(file) });
    return keys.map((key) => key.toPublic());
  } catch (cause) {
    throw new TreekeeperError('recipient', `a key file cannot be read: ${reasonOf(cause)}`, {
      hint: 'export the key with `gpg --export --armor FINGERPRINT`',
      cause,
    });
  }
}

/** A public key as text, as it is kept in a repository. */
export function armor(key: PublicKey): string {
  return key.armor();
}

/** A key as people know it: its fingerprint and whose it is. */
export function describe(key: Key): string {
  const [user] = key.getUserIDs();
  return `${key.getFingerprint().toUpperCase()}${user === undefined ? '' : ` (${user})`}`;
}

/** What to say of a key that will not work much longer. */
export async function expiryWarning(key: PublicKey, now: Date): Promise<string | undefined> {
  const expires = await key.getExpirationTime();
  if (!(expires instanceof Date) || expires.getTime() - now.getTime() >= notice) return undefined;
  return `the key ${describe(key)} expires on ${expires.toISOString().slice(0, 10)}`;
}

async function requireUsable(key: PublicKey, fingerprint: string, now: Date): Promise<void> {
  try {
    await key.verifyPrimaryKey(now);
    await key.getEncryptionKey(undefined, now);
  } catch (cause) {
    const whose = describe(key).slice(fingerprint.length);
    throw unusable(`${fingerprint}${whose}`, reasonOf(cause), 'give another key, or renew this one and add it again');
  }
}

function normalize(fingerprint: string): string {
  const plain = fingerprint.replace(/\s/g, '').toUpperCase();
  if (/^[0-9A-F]{40}$/.test(plain)) return plain;
  throw unusable(
    fingerprint,
    'it is no full fingerprint of 40 hexadecimal digits',
    'see `gpg --list-keys --fingerprint`',
  );
}

function unusable(who: string, fact: string, hint: string): TreekeeperError {
  return new TreekeeperError('recipient', `cannot encrypt to ${who}: ${fact.replace(/\.$/, '')}`, { hint });
}
