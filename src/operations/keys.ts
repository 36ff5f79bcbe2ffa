import { armor, openRecipients, readKeys } from '../ciphers/recipients.ts';
import { reasonOf } from '../errors.ts';
import { acquireLock } from '../git/lock.ts';
import { OidSet } from '../git/oid-set.ts';
import { openReader } from '../git/open-reader.ts';
import { openPackWriter } from '../git/pack-writer.ts';
import type { Repository } from '../git/repository.ts';
import { commitChanges, contended, readTip } from './commit-store.ts';
import type { OpenRepository } from './open.ts';
import { repositoryKeys } from './public-keys.ts';

/** A public key as it can be shown. */
export interface ShownKey {
  readonly fingerprint: string;
  readonly users: readonly string[];
  /** Why nothing can be encrypted to it, where that is so. */
  readonly problem: string | undefined;
}

/** The public keys in the repository, by fingerprint. */
export async function listKeys({ repository, reader }: OpenRepository): Promise<ShownKey[]> {
  const shown: ShownKey[] = [];
  for (const [fingerprint, content] of (await repositoryKeys(reader, await readTip(reader, repository))).kept) {
    const [key] = await readKeys(content);
    const problem = await openRecipients([content], [fingerprint]).then(() => undefined, reasonOf);
    shown.push({ fingerprint, users: key?.getUserIDs() ?? [], problem });
  }
  return shown;
}

/**
 * Commits the public keys of a file into the repository. Throws `TreekeeperError('recipient')` where one of them cannot be
 * encrypted to, and nothing is added then.
 */
export async function addKeys(repository: Repository, file: Uint8Array): Promise<ShownKey[]> {
  const keys = await readKeys(file);
  const fingerprints = keys.map((key) => key.getFingerprint().toUpperCase());
  await openRecipients([file], fingerprints);

  await using _lock = await acquireLock(repository);
  await using reader = await openReader(repository);
  const content = new Map(keys.map((key) => [key.getFingerprint().toUpperCase(), Buffer.from(armor(key))]));
  const message = `keys: ${fingerprints.join(', ')}\n`;
  const writer = openPackWriter(repository, new OidSet());
  const tip = await readTip(reader, repository);
  const commit = await commitChanges(repository, reader, writer, tip, [{ keys: content, message }]);
  if (commit === undefined) throw contended(repository);
  return keys.map((key) => ({
    fingerprint: key.getFingerprint().toUpperCase(),
    users: key.getUserIDs(),
    problem: undefined,
  }));
}
