/*
 * The fixed codes of a deflate stream (RFC 1951, 3.2.5 and 3.2.6), each in one number: its bits in the order in which they
 * are written, those that say more behind it, and in the lowest four how many they are. A distance of up to 1 KiB has 13.
 */

const packed = (bits: number, count: number): number => (bits << 4) | count;

/** Of a byte, and from 256 on the symbols for lengths. */
export const codes = Uint32Array.from({ length: 286 }, (_, symbol) => {
  if (symbol < 144) return packed(reversed(0x30 + symbol, 8), 8);
  if (symbol < 256) return packed(reversed(0x190 + symbol - 144, 9), 9);
  if (symbol < 280) return packed(reversed(symbol - 256, 7), 7);
  return packed(reversed(0xc0 + symbol - 280, 8), 8);
});

/** The end of a block, symbol 256, is so many zero bits. */
export const endOfBlock = 7;

/** Of the length of a copy, 3 to 258. */
export const lengths = withExtraBits(258, 3, 4, (symbol) => codes[257 + symbol] as number);
/** The longest copy has a symbol of its own. */
lengths[258] = codes[285] as number;

/** Of how far a copy reaches back, 1 to 1024. */
export const distances = withExtraBits(1024, 1, 2, (symbol) => packed(reversed(symbol, 5), 5));

/**
 * Numbers from `first` on that share a symbol with others, and are told apart by bits behind it: no bits for the first two
 * times `perBit` symbols, then one more after every `perBit` of them.
 */
function withExtraBits(last: number, first: number, perBit: number, codeOf: (symbol: number) => number): Uint32Array {
  const all = new Uint32Array(last + 1);
  for (let symbol = 0, base = first; base <= last; symbol++) {
    const extraBits = Math.max(0, Math.floor(symbol / perBit) - 1);
    const [code, bits] = [codeOf(symbol) >>> 4, codeOf(symbol) & 15];
    for (let extra = 0; extra < 2 ** extraBits && base <= last; extra++, base++)
      all[base] = packed(code | (extra << bits), bits + extraBits);
  }
  return all;
}

/** Codes are written with their highest bit first, everything else with its lowest. */
function reversed(code: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result |= ((code >> bit) & 1) << (bits - 1 - bit);
  return result;
}
