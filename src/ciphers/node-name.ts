import { createHash } from 'node:crypto';

/** A literal packet has one byte for the length of its file name. */
const longest = 255;

/**
 * The file name inside a message: the key of the node, which ties the value to it. A longer key stands there as
 * `sha256:` and its hash in hex, which is no shorter key's name but by intent.
 */
export function nodeName(key: Uint8Array): Uint8Array {
  if (key.length <= longest) return key;
  return Buffer.from(`sha256:${createHash('sha256').update(key).digest('hex')}`);
}
