/** Bytes that do not compress, the same in every run (xorshift). */
export function noise(seed: number, size: number): Buffer {
  const words = new Uint32Array(size / 4);
  let state = seed + 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer);
}
