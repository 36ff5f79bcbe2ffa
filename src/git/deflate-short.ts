import { codes, distances, endOfBlock, lengths } from './fixed-codes.ts';

/*
 * Compresses short content, in one pass and with the codes that the format has fixed (RFC 1951, 3.2.6). For such content
 * zlib spends most of its time on tables of its own, anew for each, since Node keeps no deflater that works at once: for
 * 100,000 values of 350 bytes this takes a sixth of the time, and the results are 7 percent larger in a repository.
 */

/** The longest content that is compressed here: for longer content, codes of its own are worth what they cost. */
export const longestShort = 1024;

/** Enough for the result of any content of `length` bytes: nine bits a byte, ten for the block, six bytes around it. */
export function mostDeflated(length: number): number {
  return length + Math.ceil(length / 8) + 8;
}

/** Shorter ones are hardly shorter than what they stand for. */
const shortestCopy = 4;
/** RFC 1951, 3.2.5. */
const longestCopy = 258;

/**
 * Where four bytes were last, by a hash of them. Positions are counted on from content to content, so that those of another
 * one are told by being less than `start`, and the table is cleared only now and then.
 */
const lastSeen = new Int32Array(4096);
const clearedAfter = 2 ** 20;
let start = 1;

/**
 * Writes the zlib stream (RFC 1950) of `content`, at most `longestShort` bytes, into `to`, where there must be room for
 * `mostDeflated`. Returns where it ends.
 */
export function deflateShort(content: Uint8Array, to: Uint8Array, at: number): number {
  const { length } = content;
  if (start > clearedAfter) {
    lastSeen.fill(0);
    start = 1;
  }
  let end = at;
  to[end++] = 0x78;
  to[end++] = 0x01;
  // The header of a block: the last one, with fixed codes.
  let pending = 0b011;
  let bits = 3;
  for (let here = 0; here < length; ) {
    const earlier = here + shortestCopy <= length ? seenBefore(content, here) : -1;
    if (earlier < 0) {
      const code = codes[content[here++] as number] as number;
      pending |= (code >>> 4) << bits;
      bits += code & 15;
    } else {
      const copied = lengthOfCopy(content, earlier, here);
      const code = lengths[copied] as number;
      pending |= (code >>> 4) << bits;
      bits += code & 15;
      for (; bits >= 8; bits -= 8, pending >>>= 8) to[end++] = pending;
      const back = distances[here - earlier] as number;
      pending |= (back >>> 4) << bits;
      bits += back & 15;
      here += copied;
    }
    for (; bits >= 8; bits -= 8, pending >>>= 8) to[end++] = pending;
  }
  for (bits += endOfBlock; bits > 0; bits -= 8, pending >>>= 8) to[end++] = pending;
  start += length;
  return writeAdler32(content, to, end);
}

/** Where the four bytes at `here` were before, or -1; and keeps where they are now. */
function seenBefore(content: Uint8Array, here: number): number {
  const four =
    (content[here] as number) |
    ((content[here + 1] as number) << 8) |
    ((content[here + 2] as number) << 16) |
    ((content[here + 3] as number) << 24);
  const slot = Math.imul(four, 0x9e3779b1) >>> 20;
  const earlier = (lastSeen[slot] as number) - start;
  lastSeen[slot] = start + here;
  if (earlier < 0) return -1;
  for (let offset = 0; offset < shortestCopy; offset++)
    if (content[earlier + offset] !== content[here + offset]) return -1;
  return earlier;
}

/** How many bytes from `here` on are those from `earlier` on. */
function lengthOfCopy(content: Uint8Array, earlier: number, here: number): number {
  const most = Math.min(longestCopy, content.length - here);
  let length = shortestCopy;
  while (length < most && content[earlier + length] === content[here + length]) length++;
  return length;
}

/** The checksum of a zlib stream (RFC 1950, 8.2); the sums of so little content need not be kept small. */
export function writeAdler32(content: Uint8Array, to: Uint8Array, at: number): number {
  let [a, b] = [1, 0];
  for (const byte of content) {
    a += byte;
    b += a;
  }
  let end = at;
  for (const sum of [b % 65_521, a % 65_521]) {
    to[end++] = sum >>> 8;
    to[end++] = sum;
  }
  return end;
}
