import { readFile } from 'node:fs/promises';
import { exportFromGpg } from '../ciphers/gpg.ts';
import { armor, openRecipients, type Recipients, readKeys } from '../ciphers/recipients.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Moment } from './history.ts';

/** The directory at the top of a repository that has the public keys: no store can be called so. */
export const keysName = '%keys';

/** The public keys in a repository: armored, by their full fingerprints. */
export async function repositoryKeys(
  reader: ObjectReader,
  moment: Moment | undefined,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const keys = new Map<string, Uint8Array>();
  const top = moment ? await reader.readTree(moment.commit.tree) : [];
  const directory = top.find(({ name }) => name === keysName);
  if (!directory) return keys;
  for (const { name, oid } of await reader.readTree(directory.oid)) {
    const [, fingerprint] = /^([0-9A-F]{40})\.asc$/.exec(name) ?? [];
    if (fingerprint !== undefined) keys.set(fingerprint, await reader.readBlob(oid));
  }
  return keys;
}

/**
 * Finds the public keys of recipients: in the files that are named, in the repository, in the keyring of gpg, in that order,
 * so that a renewed key goes before the one that was kept. Throws as `openRecipients` does.
 */
export async function findRecipients(
  fingerprints: readonly string[],
  files: readonly string[],
  kept: ReadonlyMap<string, Uint8Array>,
): Promise<Recipients> {
  const given = new Map<string, Uint8Array>();
  for (const file of files) {
    const content = await readFile(file).catch((cause: unknown) => {
      throw new TreekeeperError('recipient', `cannot read the key file ${file}: ${reasonOf(cause)}`, { cause });
    });
    for (const key of await readKeys(content)) given.set(key.getFingerprint().toUpperCase(), Buffer.from(armor(key)));
  }
  const found: Uint8Array[] = [];
  for (const fingerprint of fingerprints.map((text) => text.replace(/\s/g, '').toUpperCase())) {
    const key =
      given.get(fingerprint) ?? kept.get(fingerprint) ?? (await exportFromGpg(fingerprint).catch(unlessUnknown));
    if (key) found.push(key);
  }
  return openRecipients(found, fingerprints);
}

/** That a key is nowhere is told by whoever looks through all that was found. */
function unlessUnknown(thrown: unknown): undefined {
  if (thrown instanceof TreekeeperError) return undefined;
  throw thrown;
}
