import { createHash } from 'node:crypto';
import type { Decryptor, Encryptor } from '../ciphers/cipher.ts';
import { openDecryptor } from '../ciphers/decryptor.ts';
import { openEncryptor } from '../ciphers/encryptor.ts';
import { openWithPassphrases, passphraseId } from '../ciphers/passphrases.ts';
import { armor, fingerprintOf, type Recipients } from '../ciphers/recipients.ts';
import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import type { EncryptRule } from '../snapshot/manifest.ts';
import type { BackupSource } from './backup.ts';
import type { Moment } from './history.ts';
import { repositoryKeys } from './kept-keys.ts';
import { readProven, writeProven } from './proven.ts';
import { findRecipients, type KeyPlaces, readKeyFiles } from './public-keys.ts';
import { compileRules, type RuleSource } from './rules.ts';

/** How the values of some nodes are encrypted. */
export interface Way extends Encryptor {
  /** Opens what was encrypted with the same passphrase, where there is one. */
  readonly ownDecryptor: Decryptor | undefined;
}

/** The rules of a store, with recipients that were proven to be usable. */
export interface Encryption {
  readonly rules: readonly EncryptRule[];
  /** How a value is encrypted, by the first rule that matches; `undefined` for one that stays in clear. */
  wayFor(key: Uint8Array): Way | undefined;
  /** Changes where the values are to be encrypted in another way or to others. */
  readonly basis: string;
  /** Public keys that the repository has not, or not as they are now: armored, by fingerprint. */
  readonly newKeys: ReadonlyMap<string, Uint8Array>;
  readonly warnings: readonly string[];
  /** Notes locally that the recipients are usable, so that their keys need not be looked at the next time. */
  remember(): Promise<void>;
}

/** Throws `TreekeeperError('recipient')` where a recipient cannot be encrypted to: before anything else is done. */
export async function openEncryption(
  repository: Repository,
  reader: ObjectReader,
  tip: Moment | undefined,
  { store, policy: { encrypt: rules = [] } }: Pick<BackupSource, 'store' | 'policy'>,
): Promise<Encryption> {
  const places = {
    files: await readKeyFiles(rules.flatMap(({ keyFiles = [] }) => keyFiles)),
    ...(await repositoryKeys(reader, tip)),
  };
  const passphrases = rules.map((rule) => passphraseOf(rule, store));
  const facts = { rules: rules.map(({ recipients }) => recipients), tree: places.tree };
  const hash = createHash('sha256').update(JSON.stringify(facts));
  for (const file of places.files) hash.update(file);
  for (const passphrase of passphrases) hash.update(passphrase === undefined ? '' : await passphraseId(passphrase));
  const basis = hash.digest('hex');

  const proven = await readProven(repository, store, basis);
  const look = (index: number) => findRecipients(rules[index]?.recipients ?? [], places, passphrases[index]);
  const found = proven ? undefined : await Promise.all(rules.map((_, index) => look(index)));
  const sets: Recipients[] =
    found ??
    (proven ?? []).map((set, index) => ({
      ...set,
      passphrase: passphrases[index],
      keys: async () => (await look(index)).keys(),
    }));

  const ways = new Map<string, Way>();
  const wayOf = new Map<RuleSource, Way>();
  for (const [index, rule] of rules.entries()) {
    const set = sets[index];
    const passphrase = passphrases[index];
    if (!set) continue;
    const encryptor = openEncryptor(set, rule.sessionKeys);
    const ownDecryptor = passphrase === undefined ? undefined : openDecryptor(openWithPassphrases([passphrase]));
    // Rules with the same recipients share their session keys.
    const way = ways.get(encryptor.setId) ?? { ...encryptor, ownDecryptor };
    ways.set(way.setId, way);
    wayOf.set(rule, way);
  }
  const ruleFor = await compileRules(rules);
  const newKeys = new Map<string, Uint8Array>();
  for (const { keys } of found ?? [])
    for (const key of await keys()) addUnlessKept(newKeys, fingerprintOf(key), armor(key), places);
  const warnings = [...new Set((found ?? []).flatMap((set) => set.warnings))];

  return {
    rules,
    wayFor(key) {
      const rule = ruleFor(key);
      return rule && wayOf.get(rule);
    },
    basis: [...ways.keys()].join(' '),
    newKeys,
    warnings,
    async remember() {
      if (found && newKeys.size === 0 && warnings.length === 0) await writeProven(repository, store, basis, found);
    },
  };
}

function passphraseOf(rule: RuleSource, store: string): string | undefined {
  const passphrase = rule.readPassphrase?.();
  if (!rule.passphrase || passphrase !== undefined) return passphrase;
  throw new TreekeeperError('recipient', `values of ${store} are encrypted with a passphrase, which is not at hand`, {
    hint: 'repeat the rule in treekeeper.yaml, with passphraseFile or passphraseEnv',
  });
}

function addUnlessKept(newKeys: Map<string, Uint8Array>, fingerprint: string, text: string, { kept }: KeyPlaces): void {
  const content = Buffer.from(text);
  const before = kept.get(fingerprint);
  if (!before || !content.equals(before)) newKeys.set(fingerprint, content);
}
