import { createHash } from 'node:crypto';
import type { Key, PublicKey, Subkey } from 'openpgp';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { keyBlocks } from './key-blocks.ts';
import { loadOpenpgp } from './openpgp.ts';
import { passphraseId } from './passphrases.ts';

export type { PublicKey } from 'openpgp';

/** Those that values are encrypted to, all of them usable now. */
export interface Recipients {
  /** 32 hexadecimal digits: the same for the same keys and passphrase, whatever their order. */
  readonly setId: string;
  /** The ids of the keys that are encrypted to, 16 hex digits each, sorted. */
  readonly keyIds: readonly string[];
  keys(): Promise<readonly PublicKey[]>;
  /** Whoever knows it can open the values, too. */
  readonly passphrase: string | undefined;
}

/** Recipients with what was found out about them on the way. */
export interface ProvenRecipients extends Recipients {
  /** What will not work much longer, one line each. */
  readonly warnings: readonly string[];
  /** Until when they can be encrypted to without a warning, as far as time alone can change that. */
  readonly goodUntil: Date | undefined;
}

const day = 24 * 60 * 60 * 1000;
/** From when on it is warned that a key expires. */
const notice = 30 * day;

/**
 * Finds the keys with these full fingerprints (of primary keys, 40 hex digits) and proves that each can be encrypted to.
 * Throws `TreekeeperError('recipient')`, which names the key, where one is missing, expired, revoked, too weak or without an
 * encryption subkey, and where there is nobody to encrypt to.
 */
export async function openRecipients(
  keyFiles: readonly Uint8Array[],
  fingerprints: readonly string[],
  { passphrase, now = new Date() }: { readonly passphrase?: string | undefined; readonly now?: Date } = {},
): Promise<ProvenRecipients> {
  const known = new Map<string, PublicKey>();
  for (const file of keyFiles) for (const key of await readKeys(file)) known.set(fingerprintOf(key), key);

  const found: PublicKey[] = [];
  const warnings: string[] = [];
  const parts: string[] = [];
  const keyIds: string[] = [];
  let goodUntil: Date | undefined;
  for (const fingerprint of [...new Set(fingerprints.map(normalize))].sort()) {
    const key = known.get(fingerprint);
    if (!key) throw unusable(fingerprint, 'its public key is not at hand', 'add it with `treekeeper keys add FILE`');
    const { encryptedTo, keyId, expires } = await proveUsable(key, fingerprint, now);
    const warning = expires && warningOf(key, expires, now);
    if (warning !== undefined) warnings.push(warning);
    const noticed = expires && new Date(expires.getTime() - notice);
    if (noticed && (!goodUntil || noticed < goodUntil)) goodUntil = noticed;
    parts.push(`${fingerprint} ${encryptedTo}`);
    keyIds.push(keyId);
    found.push(key);
  }
  if (passphrase !== undefined) parts.push(await passphraseId(passphrase));
  if (parts.length === 0) throw unusable('nobody', 'neither a recipient nor a passphrase is given', 'name one of them');
  return {
    setId: setIdOf(parts),
    keyIds: keyIds.sort(),
    keys: async () => found,
    passphrase,
    warnings,
    goodUntil,
  };
}

/** 32 hexadecimal digits that stand for what is named. */
export function setIdOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
}

/** The public keys in a file, armored or not. Throws `TreekeeperError('recipient')` where it holds none. */
export async function readKeys(file: Uint8Array): Promise<PublicKey[]> {
  const { readKeys: read, config } = await loadOpenpgp();
  try {
    const keys: Key[] = [];
    for (const block of keyBlocks(file)) {
      const isArmored = typeof block === 'string';
      keys.push(...(await (isArmored ? read({ armoredKeys: block, config }) : read({ binaryKeys: block, config }))));
    }
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

/** Of the primary key, 40 hexadecimal digits. */
export function fingerprintOf(key: Key): string {
  return key.getFingerprint().toUpperCase();
}

/** A key as people know it: its fingerprint and whose it is. */
export function describe(key: Key): string {
  const [user] = key.getUserIDs();
  return `${fingerprintOf(key)}${user === undefined ? '' : ` (${user})`}`;
}

/** What to say of a key that will not work much longer. */
export async function expiryWarning(key: PublicKey, now: Date): Promise<string | undefined> {
  const expires = await key.getExpirationTime();
  return expires instanceof Date ? warningOf(key, expires, now) : undefined;
}

function warningOf(key: PublicKey, expires: Date, now: Date): string | undefined {
  if (expires.getTime() - now.getTime() >= notice) return undefined;
  return `the key ${describe(key)} expires on ${expires.toISOString().slice(0, 10)}`;
}

/** A fingerprint that a person wrote, in capitals and without spaces. Throws `TreekeeperError('recipient')` where it is none. */
export function normalize(fingerprint: string): string {
  const plain = fingerprint.replace(/\s/g, '').toUpperCase();
  if (/^[0-9A-F]{40}$/.test(plain)) return plain;
  throw unusable(
    fingerprint,
    'it is no full fingerprint of 40 hexadecimal digits',
    'see `gpg --list-keys --fingerprint`',
  );
}

/** Answers what of the key is encrypted to, and when that ends, where it ever does. */
async function proveUsable(
  key: PublicKey,
  fingerprint: string,
  now: Date,
): Promise<{ encryptedTo: string; keyId: string; expires: Date | undefined }> {
  const { config } = await loadOpenpgp();
  try {
    await key.verifyPrimaryKey(now, undefined, config);
    const subkey = await key.getEncryptionKey(undefined, now, undefined, config);
    // The end of a key is not that of its subkey: whichever comes first counts.
    const ends = await Promise.all([
      key.getExpirationTime(undefined, config),
      subkey === key ? null : (subkey as Subkey).getExpirationTime(now, config),
    ]);
    const times = ends.flatMap((end) => (end instanceof Date ? [end.getTime()] : []));
    return {
      encryptedTo: subkey.getFingerprint().toUpperCase(),
      keyId: subkey.getKeyID().toHex().toUpperCase(),
      expires: times.length === 0 ? undefined : new Date(Math.min(...times)),
    };
  } catch (cause) {
    const whose = describe(key).slice(fingerprint.length);
    throw unusable(`${fingerprint}${whose}`, reasonOf(cause), 'give another key, or renew this one and add it again');
  }
}

function unusable(who: string, fact: string, hint: string): TreekeeperError {
  return new TreekeeperError('recipient', `cannot encrypt to ${who}: ${fact.replace(/\.$/, '')}`, { hint });
}
