import { TreekeeperError } from '../../src/errors.ts';
import type { Random } from '../random.ts';
import { hostileSegments } from '../snapshot/keys.ts';
import type { Subject } from './subject.ts';

/** Throws nothing but what a user can act on. */
export async function refuses({ count, must }: Subject, bytes: Buffer, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    count('taken');
  } catch (thrown) {
    must(thrown instanceof TreekeeperError, `${JSON.stringify(bytes.toString('latin1'))}: ${thrown}`);
    count('refused');
  }
}

/** What is decoded is encoded to the same bytes again. */
export function refusesOrKeeps(
  subject: Subject,
  bytes: Buffer,
  recode: (bytes: Buffer) => Promise<Uint8Array>,
): Promise<void> {
  return refuses(subject, bytes, async () => {
    const again = await recode(bytes);
    subject.must(bytes.equals(again), `taken, and not what is written: ${JSON.stringify(bytes.toString('latin1'))}`);
  });
}

/** The bytes with up to three things done to them: a bit flipped, a word put in, a part taken out, doubled or swapped. */
export function changed(random: Random, bytes: Buffer, words: readonly string[]): Buffer {
  let now = bytes;
  for (let times = random.below(4); times > 0; times--) {
    const at = random.below(now.length + 1);
    const end = Math.min(now.length, at + random.below(12));
    const [before, part, after] = [now.subarray(0, at), now.subarray(at, end), now.subarray(end)];
    const flipped = Buffer.from(part);
    if (flipped.length > 0) flipped[0] = (flipped[0] ?? 0) ^ (1 << random.below(8));
    const word = Buffer.from(random.pick(words), 'latin1');
    now = Buffer.concat(
      random.pick([
        [before, flipped, after],
        [before, word, part, after],
        [before, word, after],
        [before, after],
        [before, part, part, after],
      ]),
    );
  }
  return now;
}

/** A segment of a key, one character per byte: hostile, random, or of letters that the rules are about. */
export function anySegment(random: Random): string {
  const kind = random.below(10);
  if (kind < 4) return random.pick(hostileSegments);
  if (kind < 6) return random.bytes(random.below(12)).toString('latin1').replaceAll('/', '');
  const letters = random.pick([['a', 'A', 'b', 'B', '.', '-', '%'], [...'abcdefghijklmnopqrstuvwxyz0123456789-_.']]);
  const length = random.below(30) === 0 ? random.below(700) : random.below(12);
  return Array.from({ length }, () => random.pick(letters)).join('');
}
