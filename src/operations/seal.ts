import type { Decryptor } from '../ciphers/cipher.ts';
import { audienceOf, splitMessage } from '../ciphers/packets.ts';
import { TreekeeperError } from '../errors.ts';
import { objectId } from '../git/pack.ts';
import type { Repository } from '../git/repository.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import type { Value } from '../snapshot/directory.ts';
import { type EncryptRule, sameRules } from '../snapshot/manifest.ts';
import type { ObjectSink, Oid } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import { type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import type { Encryption, Way } from './encryption.ts';
import { openTags } from './tags.ts';

/** Puts values into a sink, encrypted where a rule says so. */
export interface Sealer {
  /** What the store is to say of its encryption. */
  readonly rules: readonly EncryptRule[];
  /** What else than the values decides how they are encrypted. */
  readonly basis: string;
  /** Whether a value has to go through `seal`. */
  applies(key: Uint8Array): boolean;
  seal(key: Uint8Array, value: Uint8Array): Promise<Value>;
  /** How many values that did not change, or of which nobody knows that, have other ciphertexts now, or none. */
  readonly resealed: Resealed;
  /** Which they are, by key, one character per byte. */
  readonly resealedValues: ReadonlyMap<string, { readonly was: Oid; readonly is: Value }>;
  /** To be called when everything is sealed and nothing is committed: a run that is killed afterwards costs nothing. */
  save(): Promise<void>;
}

/** Why values are encrypted in another way, or no longer, in numbers. */
export interface Resealed {
  /** Since they have other recipients, or became secret, or no longer are. */
  readonly rekeyed: number;
  /** Since nobody knows what their ciphertexts hold; they may have changed. */
  readonly reencrypted: number;
}

/** What a sealer starts from. */
export interface SealerInput {
  readonly repository: Repository;
  readonly store: string;
  readonly encryption: Encryption;
  readonly sink: ObjectSink;
  readonly previous: Snapshot | undefined;
  /** Opens a ciphertext that nothing is known of, where that can be. It must not ask anybody. */
  readonly decryptor: Decryptor | undefined;
  /** Encrypt everything anew, as if it had been encrypted in another way. */
  readonly renew?: boolean;
}

/** Opens the sealer of one run. A value that did not change keeps the ciphertext that it has in the snapshot before. */
export function openSealer(input: SealerInput): Sealer {
  const { repository, store, encryption, sink, previous, decryptor, renew = false } = input;
  const { rules, basis, wayFor } = encryption;
  const isOtherwise = previous !== undefined && !sameRules(rules, previous.manifest.encrypt ?? []);
  const values = new Map<string, { was: Oid; is: Value }>();
  let [rekeyed, reencrypted] = [0, 0];
  let opening: ReturnType<typeof open> | undefined;

  return {
    rules,
    basis,
    // Under other rules, a value may have been encrypted that no longer is.
    applies: (key) => isOtherwise || wayFor(key) !== undefined,

    async seal(key, value) {
      opening ??= open();
      const { tags, before } = await opening;
      const way = wayFor(key);
      const old = before.get(latin1(key));
      const found = old && (await lookAt(old, key, value, way));
      const look = found === 'kept' && way && renew ? 'same' : found;
      if (old && look === 'kept') {
        if (way) tags.add(old.oid, way.setId, key, value);
        return old;
      }
      const oid = sink.blob(way ? await way.encrypt(key, value) : value);
      const is = { oid, encrypted: way !== undefined };
      if (way) tags.add(oid, way.setId, key, value);
      if (old && look === 'same') rekeyed += 1;
      if (old && look === 'unknown') reencrypted += 1;
      if (old && (look === 'same' || look === 'unknown')) values.set(latin1(key), { was: old.oid, is });
      return is;
    },

    get resealed() {
      return { rekeyed, reencrypted };
    },
    resealedValues: values,
    save: async () => (await opening)?.tags.save(),
  };

  /** Not before it is known that anything changed at all. */
  async function open() {
    const tags = await openTags(repository, store);
    const before = new Map<string, Value>();
    if (previous) {
      await walkSnapshot(previous, ({ key, value }) => {
        if (!value || !(value.encrypted || isOtherwise)) return;
        before.set(latin1(key), value);
        // What is carried forward unread keeps its tag.
        if (value.encrypted) tags.find(value.oid);
      });
    }
    return { tags, before };
  }

  /** `kept`: the same, in the same way. `same`: in another way. `unknown`: nobody can tell. */
  async function lookAt(
    old: Value,
    key: Uint8Array,
    value: Uint8Array,
    way: Way | undefined,
  ): Promise<'kept' | 'same' | 'other' | 'unknown'> {
    if (!old.encrypted) {
      if (old.oid !== objectId('blob', value)) return 'other';
      return way ? 'same' : 'kept';
    }
    const tag = (await opening)?.tags.find(old.oid);
    if (tag) {
      if (!tag.holds(key, value)) return 'other';
      return way && tag.setId === way.setId ? 'kept' : 'same';
    }
    const message = await previous?.source.readBlob(old.oid);
    const opened = message && (await openOld(message, key, way, decryptor));
    if (!opened) return 'unknown';
    if (!sameBytes(opened.value, value)) return 'other';
    return opened.isCurrent ? 'kept' : 'same';
  }
}

/** Opens a ciphertext without asking anybody, and tells whether `way` would make it for the same recipients. */
async function openOld(
  message: Uint8Array,
  key: Uint8Array,
  way: Way | undefined,
  decryptor: Decryptor | undefined,
): Promise<{ readonly value: Uint8Array; readonly isCurrent: boolean } | undefined> {
  try {
    const { keyIds, passphrase } = audienceOf(splitMessage(message).header);
    const own = passphrase ? await way?.ownDecryptor?.decrypt(key, message).catch(unlessDefect) : undefined;
    const value = own ?? (await decryptor?.decrypt(key, message));
    const isCurrent = way?.keyIds.join() === keyIds.join() && passphrase === (own !== undefined);
    return value && { value, isCurrent };
  } catch (thrown) {
    return unlessDefect(thrown);
  }
}

/** That it cannot be opened, or is damaged, means here that nobody knows what is in it. */
function unlessDefect(thrown: unknown): undefined {
  if (thrown instanceof TreekeeperError) return undefined;
  throw thrown;
}
