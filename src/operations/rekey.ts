import type { Decryptor } from '../ciphers/cipher.ts';
import { TreekeeperError } from '../errors.ts';
import { openHoldingWriter } from '../git/holding-writer.ts';
import { acquireLock } from '../git/lock.ts';
import { openReader } from '../git/open-reader.ts';
import type { Repository } from '../git/repository.ts';
import { followWorkTree } from '../git/work-tree.ts';
import type { Oid } from '../snapshot/objects.ts';
import { encodeResealMessage } from '../snapshot/reseal-message.ts';
import { type Entry, walkSnapshot } from '../snapshot/walk.ts';
import { version } from '../version.ts';
import { commitChanges, contended, readTip } from './commit-store.ts';
import { openContents } from './contents.ts';
import { openEncryption } from './encryption.ts';
import { lastSnapshot } from './last-snapshot.ts';
import { everything } from './read.ts';
import { resealSnapshot } from './reseal.ts';
import type { RuleSource } from './rules.ts';
import { openSealer } from './seal.ts';

/** What to encrypt anew. */
export interface RekeyRequest {
  readonly store: string;
  /** Those of the store without any. */
  readonly rules: readonly RuleSource[] | undefined;
  /** Opens what is encrypted. */
  readonly decryptor: Decryptor | undefined;
  /** Also values that are encrypted by these rules already. */
  readonly all: boolean;
}

export interface RekeyResult {
  /** How many values are encrypted anew, or no longer. */
  readonly values: number;
  /** `undefined` where nothing had to be done. */
  readonly commit: Oid | undefined;
  /** What the user has to do for the work tree, where it did not follow the branch. */
  readonly advice: string | undefined;
  readonly warnings: readonly string[];
}

/**
 * Encrypts the values of a store's last snapshot by other rules, without its service: for that a secret key is needed. All
 * of it is one commit, or nothing happened. Throws `TreekeeperError`: `recipient`, `decrypt`, `integrity`, `usage`, `locked`.
 */
export async function rekey(
  repository: Repository,
  { store, rules, decryptor, all }: RekeyRequest,
): Promise<RekeyResult> {
  await using _lock = await acquireLock(repository);
  await using reader = await openReader(repository);
  const tip = await readTip(reader, repository);
  const last = tip && (await lastSnapshot(reader, tip, store));
  if (!last)
    throw new TreekeeperError('usage', `there is no store ${store}`, { hint: '`treekeeper log` lists snapshots' });
  const { snapshot } = last;
  const encrypt = rules ?? snapshot.manifest.encrypt;
  if (!encrypt) {
    throw new TreekeeperError('usage', `there are no rules by which values of ${store} are encrypted`, {
      hint: 'write them into treekeeper.yaml, as `encrypt` of the store',
    });
  }

  const encryption = await openEncryption(repository, reader, tip, { store, policy: { ...everything, encrypt } });
  const sink = openHoldingWriter(repository, reader, snapshot.tree);
  try {
    const sealer = openSealer({ repository, store, encryption, sink, previous: snapshot, decryptor, renew: all });
    const entries: Entry[] = [];
    await walkSnapshot(snapshot, (entry) => {
      if (entry.value && (entry.value.encrypted || sealer.applies(entry.key))) entries.push(entry);
    });
    const contents = openContents(snapshot, decryptor);
    for (const entry of entries) {
      const value = await contents.value(entry);
      if (value !== null) await sealer.seal(entry.key, value);
    }

    const { rekeyed, reencrypted } = sealer.resealed;
    const done = { values: rekeyed + reencrypted, advice: undefined, warnings: encryption.warnings };
    const { tree } = await resealSnapshot(snapshot, sealer, sink, reader);
    if (tree === snapshot.tree && encryption.newKeys.size === 0) return { ...done, commit: undefined };

    await sink.settle(tree);
    await sealer.save();
    const message = encodeResealMessage({ store, rekeyed, reencrypted }, last.trailers, version);
    const change = { store: { name: store, tree }, keys: encryption.newKeys, message, read: last.time };
    const commit = await commitChanges(repository, reader, sink, tip, [change]);
    if (commit === undefined) throw contended(repository);
    return { ...done, commit, advice: await followWorkTree(repository, tip?.oid, commit) };
  } finally {
    await sink.abandon();
  }
}
