import { createHash } from 'node:crypto';
import { encodeJson } from '../snapshot/attributes.ts';
import type { Node } from '../snapshot/node.ts';

/** One hash over everything that a snapshot's tree is made from, in the order in which it was read. */
export interface ContentDigest {
  add(node: Node): void;
  /** SHA-256, in hexadecimal. The digest is spent afterwards. */
  finish(): string;
}

/** No value has this length, so it tells a node without one from all others. */
const noValue = 0xffff_ffff;

/** Small pieces are gathered before they are hashed: a call for each of them costs more than the hashing. */
const gathered = 64 * 1024;

/** Starts a digest; `basis` is what else the tree depends on. */
export function contentDigest(basis: Uint8Array): ContentDigest {
  const hash = createHash('sha256').update(basis);
  const buffer = Buffer.allocUnsafe(gathered);
  let size = 0;

  function flush(): void {
    hash.update(buffer.subarray(0, size));
    size = 0;
  }

  function put(piece: Uint8Array): void {
    if (size + piece.length > gathered) flush();
    if (piece.length > gathered) {
      hash.update(piece);
      return;
    }
    buffer.set(piece, size);
    size += piece.length;
  }

  return {
    add({ key, value, attributes }) {
      const extra = attributes === undefined ? undefined : encodeJson(attributes);
      if (size + 12 > gathered) flush();
      size = buffer.writeUInt32LE(key.length, size);
      size = buffer.writeUInt32LE(value === null ? noValue : value.length, size);
      size = buffer.writeUInt32LE(extra?.length ?? 0, size);
      put(key);
      if (value !== null) put(value);
      if (extra !== undefined) put(extra);
    },

    finish() {
      flush();
      return hash.digest('hex');
    },
  };
}
