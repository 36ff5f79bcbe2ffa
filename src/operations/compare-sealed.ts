import type { Decryptor } from '../ciphers/cipher.ts';
import type { Repository } from '../git/repository.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import type { Value } from '../snapshot/directory.ts';
import type { ObjectSink } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import { type Entry, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { openContents } from './contents.ts';
import type { Sealer } from './seal.ts';
import { openTags } from './tags.ts';

/** What tells whether a live value is the same as an encrypted one. */
export interface Comparing {
  /** Where the snapshot was made, what its ciphertexts hold is known without a key. */
  readonly repository?: Repository | undefined;
  readonly decryptor?: Decryptor | undefined;
}

/**
 * For a live service that is compared with a snapshot: a value that is encrypted there, and is the same, stands as it does
 * there; one that is not is a plain value, and so a difference. Throws `TreekeeperError('decrypt')` where nothing tells.
 */
export function openComparer(
  stored: Snapshot,
  sink: ObjectSink,
  { repository, decryptor }: Comparing,
): Pick<Sealer, 'rules' | 'basis' | 'applies' | 'seal'> | undefined {
  if (!stored.manifest.encrypt) return undefined;
  const contents = openContents(stored, decryptor);
  let opening: ReturnType<typeof open> | undefined;
  return {
    rules: stored.manifest.encrypt,
    basis: '',
    applies: () => true,

    async seal(key, value) {
      opening ??= open();
      const { sealed } = await opening;
      const entry = sealed.get(latin1(key));
      if (entry?.value && (await isSame(entry, entry.value, value))) return entry.value;
      return { oid: sink.blob(value), encrypted: false };
    },
  };

  async function open() {
    const sealed = new Map<string, Entry>();
    await walkSnapshot(stored, (entry) => void (entry.value?.encrypted && sealed.set(latin1(entry.key), entry)));
    return { sealed, tags: repository && (await openTags(repository, stored.store)) };
  }

  async function isSame(entry: Entry, { oid }: Value, value: Uint8Array): Promise<boolean> {
    const tag = (await opening)?.tags?.find(oid);
    if (tag) return tag.holds(entry.key, value);
    const before = await contents.value(entry);
    return before !== null && sameBytes(before, value);
  }
}
