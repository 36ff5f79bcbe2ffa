import { armor, fingerprintOf, normalize, openRecipients, readKeys } from '../ciphers/recipients.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { acquireLock } from '../git/lock.ts';
import { OidSet } from '../git/oid-set.ts';
import { openReader } from '../git/open-reader.ts';
import { openPackWriter } from '../git/pack-writer.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import { followWorkTree } from '../git/work-tree.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import { openSnapshot } from '../snapshot/walk.ts';
import { type BranchChange, commitChanges, contended, readTip } from './commit-store.ts';
import { type Moment, storeTrees } from './history.ts';
import { repositoryKeys } from './kept-keys.ts';
import type { OpenRepository } from './open.ts';
import { listStores } from './revision.ts';

/** A public key as it can be shown. */
export interface ShownKey {
  readonly fingerprint: string;
  readonly users: readonly string[];
  /** Why nothing can be encrypted to it, where that is so. */
  readonly problem: string | undefined;
}

const nothing = new Uint8Array();

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
 * Commits the public keys of a file into the repository, where it has them not yet just so. Throws
 * `TreekeeperError('recipient')` where one of them cannot be encrypted to, and nothing is added then.
 */
export async function addKeys(repository: Repository, file: Uint8Array): Promise<ShownKey[]> {
  const keys = await readKeys(file);
  await openRecipients([file], keys.map(fingerprintOf));

  await using _lock = await acquireLock(repository);
  await using reader = await openReader(repository);
  const tip = await readTip(reader, repository);
  const { kept } = await repositoryKeys(reader, tip);
  const content = new Map(keys.map((key) => [fingerprintOf(key), Buffer.from(armor(key))]));
  for (const [fingerprint, text] of content)
    if (sameBytes(kept.get(fingerprint) ?? nothing, text)) content.delete(fingerprint);
  if (content.size > 0) {
    const message = `keys: ${[...content.keys()].join(', ')}\n`;
    await commitKeys(repository, reader, tip, { keys: content, message });
  }
  return keys.map((key) => ({ fingerprint: fingerprintOf(key), users: key.getUserIDs(), problem: undefined }));
}

/**
 * Takes public keys out of the repository. What was encrypted to them stays so. Throws `TreekeeperError('usage')` where one
 * is not there, or a store encrypts to it, and nothing is taken out then.
 */
export async function removeKeys(repository: Repository, names: readonly string[]): Promise<readonly string[]> {
  await using _lock = await acquireLock(repository);
  await using reader = await openReader(repository);
  const tip = await readTip(reader, repository);
  const { kept } = await repositoryKeys(reader, tip);
  const inUse = await recipientsInUse(reader, tip);
  const fingerprints = names.map(normalize);
  for (const fingerprint of fingerprints) {
    const store = inUse.get(fingerprint);
    if (store !== undefined) {
      throw new TreekeeperError('usage', `the store ${store} encrypts to ${fingerprint}`, {
        hint: 'take it out of the rules in treekeeper.yaml first, and let `backup` or `rekey` follow them',
      });
    }
    if (!kept.has(fingerprint)) {
      throw new TreekeeperError('usage', `the repository has no key ${fingerprint}`, { hint: 'see `treekeeper keys`' });
    }
  }
  const keys = new Map(fingerprints.map((fingerprint) => [fingerprint, undefined]));
  await commitKeys(repository, reader, tip, { keys, message: `keys: ${fingerprints.join(', ')} removed\n` });
  return fingerprints;
}

/** The keys that values of some store are encrypted to by its rules, each with one such store. */
async function recipientsInUse(reader: ObjectReader, tip: Moment | undefined): Promise<ReadonlyMap<string, string>> {
  const inUse = new Map<string, string>();
  const trees = tip ? await storeTrees(reader, tip) : new Map<string, string>();
  for (const store of tip ? await listStores(reader, tip) : []) {
    const { manifest } = await openSnapshot(store, trees.get(store) ?? '', reader);
    for (const { recipients } of manifest.encrypt ?? [])
      for (const fingerprint of recipients) inUse.set(fingerprint, store);
  }
  return inUse;
}

async function commitKeys(
  repository: Repository,
  reader: ObjectReader,
  tip: Moment | undefined,
  change: BranchChange,
): Promise<void> {
  const writer = openPackWriter(repository, new OidSet());
  const commit = await commitChanges(repository, reader, writer, tip, [change]);
  if (commit === undefined) throw contended(repository);
  await followWorkTree(repository, tip?.oid, commit);
}
