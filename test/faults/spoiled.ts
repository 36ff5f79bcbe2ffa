import { createHash } from 'node:crypto';
import type { Random } from '../random.ts';

/** A file as it became: `undefined` where it is gone. */
export interface Spoiled {
  readonly what: string;
  readonly content: Buffer | undefined;
}

/** What befalls a file that this host keeps: `old` is what it was earlier, `others` are what other such files hold. */
export function spoil(random: Random, content: Buffer, old: Buffer | undefined, others: readonly Buffer[]): Spoiled {
  return random.pick<Spoiled>([
    { what: 'deleted', content: undefined },
    { what: 'cut off', content: content.subarray(0, random.below(content.length)) },
    { what: 'flipped', content: flip(content, random.below(content.length * 8)) },
    { what: 'of another version', content: otherVersion(content) },
    { what: 'old', content: old ?? Buffer.alloc(0) },
    { what: 'empty', content: Buffer.alloc(0) },
    ...(others.length > 0 ? [{ what: 'another one', content: random.pick(others) }] : []),
  ]);
}

/** As a later treekeeper writes it: sound, of another kind. */
function otherVersion(content: Buffer): Buffer {
  const end = content.indexOf('\n');
  const body = Buffer.concat([content.subarray(0, end), Buffer.from('.9'), content.subarray(end, -32)]);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

export function flip(content: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(content);
  if (flipped.length > 0) flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}
