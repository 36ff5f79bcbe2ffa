import type { Encryptor } from '../ciphers/cipher.ts';
import { openEncryptor } from '../ciphers/encryptor.ts';
import { armor } from '../ciphers/recipients.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import type { Value } from '../snapshot/directory.ts';
import type { EncryptRule } from '../snapshot/manifest.ts';
import type { ObjectSink, Oid } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import { type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import type { Moment } from './history.ts';
import { findRecipients, repositoryKeys } from './public-keys.ts';
import { compileSelection } from './select.ts';
import { openTags } from './tags.ts';

/** The rules of a store, with recipients that were proven to be usable. */
export interface Encryption {
  /** By which rule a value is encrypted; the first that matches counts. */
  encryptorFor(key: Uint8Array): Encryptor | undefined;
  /** Public keys that the repository has not, or not as they are now: armored, by fingerprint. */
  readonly newKeys: ReadonlyMap<string, Uint8Array>;
  readonly warnings: readonly string[];
}

/** Puts values into a sink, encrypted where a rule says so. */
export interface Sealer {
  applies(key: Uint8Array): boolean;
  seal(key: Uint8Array, value: Uint8Array): Promise<Value>;
  /** Values that had to be encrypted again since it was not known what their ciphertexts hold. */
  readonly reencrypted: number;
  /** To be called once the snapshot is committed. */
  save(): Promise<void>;
}

/** Throws `TreekeeperError('recipient')` where a recipient cannot be encrypted to: before anything else is done. */
export async function openEncryption(
  reader: ObjectReader,
  tip: Moment | undefined,
  rules: readonly EncryptRule[],
  keyFiles: readonly string[],
): Promise<Encryption> {
  const kept = await repositoryKeys(reader, tip);
  const newKeys = new Map<string, Uint8Array>();
  const warnings = new Set<string>();
  const compiled: { matches(key: Uint8Array): boolean; encryptor: Encryptor }[] = [];
  for (const { keys, recipients: fingerprints } of rules) {
    const recipients = await findRecipients(fingerprints, keyFiles, kept);
    for (const key of recipients.keys) {
      const fingerprint = key.getFingerprint().toUpperCase();
      const text = Buffer.from(armor(key));
      if (!kept.has(fingerprint) || !text.equals(kept.get(fingerprint) ?? text)) newKeys.set(fingerprint, text);
    }
    for (const warning of recipients.warnings) warnings.add(warning);
    const { matches } = await compileSelection(keys, []);
    compiled.push({ matches, encryptor: openEncryptor(recipients) });
  }
  return {
    encryptorFor: (key) => compiled.find(({ matches }) => matches(key))?.encryptor,
    newKeys,
    warnings: [...warnings],
  };
}

/** Opens the sealer of one run. A value that did not change keeps the ciphertext that it has in `previous`. */
export async function openSealer(
  repository: Repository,
  store: string,
  { encryptorFor }: Encryption,
  sink: ObjectSink,
  previous: Snapshot | undefined,
): Promise<Sealer> {
  const tags = await openTags(repository, store);
  const before = new Map<string, Oid>();
  if (previous) {
    await walkSnapshot(previous, ({ key, value }) => {
      if (value?.encrypted) before.set(latin1(key), value.oid);
    });
  }
  let reencrypted = 0;

  return {
    applies: (key) => encryptorFor(key) !== undefined,

    async seal(key, value) {
      const encryptor = encryptorFor(key);
      if (!encryptor) return { oid: sink.blob(value), encrypted: false };
      const { setId } = encryptor;
      const old = before.get(latin1(key));
      if (old !== undefined && tags.has({ store, key, setId, value, oid: old })) {
        tags.add({ store, key, setId, value, oid: old });
        return { oid: old, encrypted: true };
      }
      if (old !== undefined && tags.isEmpty) reencrypted += 1;
      const oid = sink.blob(await encryptor.encrypt(key, value));
      tags.add({ store, key, setId, value, oid });
      return { oid, encrypted: true };
    },

    get reencrypted() {
      return reencrypted;
    },
    save: tags.save,
  };
}
