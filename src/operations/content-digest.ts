import { createHash, type Hash, hash } from 'node:crypto';
import { encodeJson } from '../snapshot/attributes.ts';
import type { Node } from '../snapshot/node.ts';

/** Hashes over nodes in the order in which they come, one after the other: a digest is of everything since the last one. */
export interface ContentDigest {
  add(node: Node): void;
  /** SHA-256, one character per byte. */
  finish(): string;
}

/** No value has this length, so it tells a node without one from all others. */
const noValue = 0xffff_ffff;

/** Small pieces are gathered before they are hashed: a call for each of them costs more than the hashing. */
const gathered = 64 * 1024;

/** Starts a digest; `basis` is what else depends on, besides the nodes, what is made of them. */
export function contentDigest(basis: Uint8Array): ContentDigest {
  const buffer = Buffer.allocUnsafe(gathered);
  /** Only where there is more than the buffer holds: a hash of one piece is had in one call, for a third of the time. */
  let hashing: Hash | undefined;
  let size = 0;
  put(basis);

  function flush(): Hash {
    hashing = (hashing ?? createHash('sha256')).update(buffer.subarray(0, size));
    size = 0;
    return hashing;
  }

  function put(piece: Uint8Array): void {
    if (size + piece.length > gathered) flush();
    if (piece.length > gathered) {
      flush().update(piece);
      return;
    }
    buffer.set(piece, size);
    size += piece.length;
  }

  /** Buffer's own way to write a number takes longer than hashing it. */
  function putLength(length: number): void {
    buffer[size] = length;
    buffer[size + 1] = length >>> 8;
    buffer[size + 2] = length >>> 16;
    buffer[size + 3] = length >>> 24;
    size += 4;
  }

  return {
    add({ key, value, attributes }) {
      const extra = attributes === undefined ? undefined : encodeJson(attributes);
      if (size + 12 > gathered) flush();
      putLength(key.length);
      putLength(value === null ? noValue : value.length);
      putLength(extra?.length ?? 0);
      put(key);
      if (value !== null) put(value);
      if (extra !== undefined) put(extra);
    },

    finish() {
      const digest = hashing ? flush().digest('binary') : hash('sha256', buffer.subarray(0, size), 'binary');
      hashing = undefined;
      size = 0;
      put(basis);
      return digest;
    },
  };
}
