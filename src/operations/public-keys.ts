import { readFile } from 'node:fs/promises';
import { exportFromGpg } from '../ciphers/gpg.ts';
import { armor, fingerprintOf, openRecipients, type ProvenRecipients, readKeys } from '../ciphers/recipients.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import { directoryMode, type Oid } from '../snapshot/objects.ts';
import type { Moment } from './history.ts';

/** The directory at the top of a repository that has the public keys: no store can be called so. */
export const keysName = '%keys';

/** Where public keys are looked for. */
export interface KeyPlaces {
  /** Contents of files. */
  readonly files: readonly Uint8Array[];
  /** In the repository: armored, by their full fingerprints. */
  readonly kept: ReadonlyMap<string, Uint8Array>;
}

/** The public keys in a repository, and the tree that they are in. */
export async function repositoryKeys(
  reader: ObjectReader,
  moment: Moment | undefined,
): Promise<{ readonly kept: ReadonlyMap<string, Uint8Array>; readonly tree: Oid | undefined }> {
  const kept = new Map<string, Uint8Array>();
  const top = moment ? await reader.readTree(moment.commit.tree) : [];
  const directory = top.find(({ name, mode }) => name === keysName && mode === directoryMode);
  for (const { name, oid } of directory ? await reader.readTree(directory.oid) : []) {
    const [, fingerprint] = /^([0-9A-F]{40})\.asc$/.exec(name) ?? [];
    if (fingerprint !== undefined) kept.set(fingerprint, await reader.readBlob(oid));
  }
  return { kept, tree: directory?.oid };
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
    const key =
      given.get(fingerprint) ?? kept.get(fingerprint) ?? (await exportFromGpg(fingerprint).catch(unlessUnknown));
    if (key) found.push(key);
  }
  return openRecipients(found, fingerprints, { passphrase });
}

/** That a key is nowhere is told by whoever looks through all that was found. */
function unlessUnknown(thrown: unknown): undefined {
  if (thrown instanceof TreekeeperError) return undefined;
  throw thrown;
}
