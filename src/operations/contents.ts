import { TreekeeperError } from '../errors.ts';
import { decodeJsonObject } from '../snapshot/attributes.ts';
import type { Attributes } from '../snapshot/node.ts';
import type { ObjectSource, Oid } from '../snapshot/objects.ts';
import type { Entry, Snapshot } from '../snapshot/walk.ts';

/** The values and attributes of a snapshot's entries, each proven against its id. */
export interface Contents {
  value(entry: Entry): Promise<Uint8Array | null>;
  attributes(entry: Entry): Promise<Attributes | undefined>;
}

/** How many bytes of values are kept for a second look, so that a restore proves them all first and reads few twice. */
const mostKept = 64 * 1024 * 1024;

/** Opens the contents of a snapshot. What is read is kept as far as that is small. */
export function openContents({ source, store }: Snapshot): Contents {
  const values = new Map<Oid, Uint8Array>();
  const attributes = new Map<Oid, Attributes>();
  let kept = 0;

  return {
    async value({ value }) {
      if (value === null) return null;
      if (value.encrypted) {
        throw new TreekeeperError(
          'decrypt',
          `the store ${store} has encrypted values, which this treekeeper cannot open`,
          {
            hint: '`gpg -d` opens them',
          },
        );
      }
      return values.get(value.oid) ?? keep(value.oid, await source.readBlob(value.oid));
    },

    async attributes({ attributes: oid }) {
      if (oid === undefined) return undefined;
      const known = attributes.get(oid) ?? (await readAttributes(source, oid, store));
      attributes.set(oid, known);
      return known;
    },
  };

  function keep(oid: Oid, content: Uint8Array): Uint8Array {
    if (kept + content.length <= mostKept) {
      values.set(oid, content);
      kept += content.length;
    }
    return content;
  }
}

async function readAttributes(source: ObjectSource, oid: Oid, store: string): Promise<Attributes> {
  return decodeJsonObject(await source.readBlob(oid), `an attributes file of ${store}`);
}
