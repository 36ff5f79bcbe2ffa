import type { Decryptor } from '../ciphers/cipher.ts';
import { TreekeeperError } from '../errors.ts';
import { decodeJsonObject } from '../snapshot/attributes.ts';
import type { Attributes } from '../snapshot/node.ts';
import type { ObjectSource, Oid } from '../snapshot/objects.ts';
import type { Step } from '../snapshot/plan.ts';
import type { Entry, Snapshot } from '../snapshot/walk.ts';

/** The values and attributes of a snapshot's entries, each proven against its id. */
export interface Contents {
  value(entry: Entry): Promise<Uint8Array | null>;
  /** Without waiting where there are none, as most nodes have. */
  attributes(entry: Entry): Promise<Attributes> | undefined;
}

/**
 * Bytes of values that are kept for a second look, so that a restore, which proves them all first, need not read them twice.
 * Where there is more, nothing is kept: of a million values a few would be saved, and the room is needed for the plan.
 */
const mostKept = 64 * 1024 * 1024;
/** What holding one takes beside its bytes. */
const overhead = 256;

/** A value of a live service was read, and too much was kept already to keep it too. */
export class NotKept extends TreekeeperError {
  constructor() {
    super('failed', 'a value of the service was too much to keep for comparing', {
      hint: 'compare one subtree at a time, or make a snapshot and compare that',
    });
  }
}

/** Opens the contents of a snapshot. */
export function openContents({ source, store }: Pick<Snapshot, 'source' | 'store'>, decryptor?: Decryptor): Contents {
  const attributes = new Map<Oid, Attributes>();
  return {
    async value({ key, value }) {
      if (value === null) return null;
      const content = await source.readBlob(value.oid);
      return value.encrypted ? await secretOf(store, decryptor).decrypt(key, content) : content;
    },

    attributes: ({ attributes: oid }) => (oid === undefined ? undefined : attributesAt(oid)),
  };

  async function attributesAt(oid: Oid): Promise<Attributes> {
    const known = attributes.get(oid) ?? (await readAttributes(source, oid, store));
    attributes.set(oid, known);
    return known;
  }
}

/** Values that were read for a look at them, for a second one. */
export interface KeptValues {
  of(step: Step): Uint8Array | undefined;
  keep(step: Step, value: Uint8Array): void;
}

/** Keeps values of so many steps where all that are to be kept are small together, and none of them else. */
export function keepValues(steps: number): KeptValues {
  const values = new Map<Step, Uint8Array>();
  let kept = steps * overhead > mostKept ? Number.POSITIVE_INFINITY : 0;

  return {
    of: (step) => values.get(step),
    keep(step, value) {
      kept += value.length + overhead;
      if (kept <= mostKept) values.set(step, ofItsOwn(value));
      // To clear a Map that is empty makes it a new table each time.
      else if (values.size > 0) values.clear();
    },
  };
}

/** What is read comes in pieces of this size, which values that came together share. */
const piece = 64 * 1024;

/** Without what is beside it in memory, where that is much: a small value behind a large one may be a part of its memory. */
function ofItsOwn(value: Uint8Array): Uint8Array {
  return value.buffer.byteLength > value.length + piece ? Uint8Array.from(value) : value;
}

function secretOf(store: string, decryptor: Decryptor | undefined): Decryptor {
  if (decryptor) return decryptor;
  throw new TreekeeperError('decrypt', `the store ${store} has encrypted values, and no key was given`, {
    hint: 'name the file of a secret key with --key-file; `gpg -d` opens them too',
  });
}

async function readAttributes(source: ObjectSource, oid: Oid, store: string): Promise<Attributes> {
  return decodeJsonObject(await source.readBlob(oid), `an attributes file of ${store}`);
}
