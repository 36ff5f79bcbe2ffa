import { readFile } from 'node:fs/promises';
import { findInGpg } from '../ciphers/gpg.ts';
import { type PublicKey, readKeys } from '../ciphers/recipients.ts';
import { verifySignature } from '../ciphers/verify.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import { splitSignature } from '../git/signature.ts';
import type { Oid } from '../snapshot/objects.ts';
import { readMoment } from './history.ts';
import { repositoryKeys } from './kept-keys.ts';
import type { Trust } from './trust.ts';

/** Why a commit does not count as signed by one of those who are trusted; `undefined` where it does. */
export async function problemWithSignature(reader: ObjectReader, oid: Oid, trust: Trust): Promise<string | undefined> {
  const { content, signature } = splitSignature((await reader.read(oid)).content);
  if (signature === undefined) return 'is not signed';
  const { kept } = await repositoryKeys(reader, await readMoment(reader, oid));
  const keys = await findKeys(trust, kept);
  const verdict = await verifySignature(content, signature, keys);
  if ('signer' in verdict) return undefined;

  const known = new Set(keys.map((key) => key.getFingerprint().toUpperCase()));
  const missing = trust.signers.filter((fingerprint) => !known.has(fingerprint));
  return missing.length === 0
    ? verdict.problem
    : `${verdict.problem}; the public key of ${missing.join(', ')} is not at hand (name its file at \`trust\`, or import it into gpg)`;
}

/**
 * The public keys of those who are trusted, from the files that are named, the repository and gpg. One key may come more
 * than once: any of these places may be the one where it became known that it is revoked, or lives longer.
 */
async function findKeys(
  { signers, keyFiles }: Trust,
  kept: ReadonlyMap<string, Uint8Array>,
): Promise<readonly PublicKey[]> {
  const files = await Promise.all(keyFiles.map(readKeyFile));
  const exported = await Promise.all(signers.map(findInGpg));
  const found = [...files, ...signers.map((signer) => kept.get(signer)), ...exported];
  const keys = await Promise.all(found.map(async (file) => (file ? readKeys(file) : [])));
  return keys.flat().filter((key) => signers.includes(key.getFingerprint().toUpperCase()));
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new TreekeeperError('usage', `cannot read the key file ${path}: ${reasonOf(cause)}`, { cause });
  });
}
