import { readFile } from 'node:fs/promises';
import { findInGpg } from '../ciphers/gpg.ts';
import { armor, fingerprintOf, openRecipients, type ProvenRecipients, readKeys } from '../ciphers/recipients.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';

/** Where public keys are looked for. */
export interface KeyPlaces {
  /** Contents of files. */
  readonly files: readonly Uint8Array[];
  /** In the repository: armored, by their full fingerprints. */
  readonly kept: ReadonlyMap<string, Uint8Array>;
}

/** Throws `TreekeeperError('recipient')` where one cannot be read. */
export async function readKeyFiles(paths: readonly string[]): Promise<Uint8Array[]> {
  return Promise.all(
    [...new Set(paths)].map((path) =>
      readFile(path).catch((cause: unknown) => {
        throw new TreekeeperError('recipient', `cannot read the key file ${path}: ${reasonOf(cause)}`, { cause });
      }),
    ),
  );
}

/**
 * Finds the public keys of recipients: in the files that are named, in the repository, in the keyring of gpg, in that order,
 * so that a renewed key goes before the one that was kept. Throws as `openRecipients` does.
 */
export async function findRecipients(
  fingerprints: readonly string[],
  { files, kept }: KeyPlaces,
  passphrase?: string,
): Promise<ProvenRecipients> {
  const given = new Map<string, Uint8Array>();
  for (const file of fingerprints.length > 0 ? files : [])
    for (const key of await readKeys(file)) given.set(fingerprintOf(key), Buffer.from(armor(key)));
  const found: Uint8Array[] = [];
  for (const fingerprint of fingerprints) {
    const key = given.get(fingerprint) ?? kept.get(fingerprint) ?? (await findInGpg(fingerprint));
    if (key) found.push(key);
  }
  return openRecipients(found, fingerprints, { passphrase });
}
