import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deflateShort, longestShort, mostDeflated } from '../../src/git/deflate-short.ts';
import { seeded } from '../random.ts';

/** Content that repeats itself, at all distances and for all lengths, with bytes of all codes in between. */
const repeating = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.record({ back: fc.integer({ min: 1, max: longestShort }), length: fc.integer({ min: 1, max: 600 }) }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => {
    const bytes: number[] = [];
    for (const part of parts) {
      if (part instanceof Uint8Array) bytes.push(...part);
      else
        for (let count = 0; count < part.length; count++) bytes.push(bytes.at(-Math.min(part.back, bytes.length)) ?? 0);
    }
    return Uint8Array.from(bytes.slice(0, longestShort));
  });

/** With what is before and behind it, to see that nothing else is written. */
function deflated(content: Uint8Array): Buffer {
  const [before, room] = [3, mostDeflated(content.length)];
  const bytes = Buffer.alloc(before + room + 5, 0xaa);
  const end = deflateShort(content, bytes, before);
  expect(end).toBeLessThanOrEqual(before + room);
  expect([...bytes.subarray(0, before), ...bytes.subarray(before + room)].every((byte) => byte === 0xaa)).toBe(true);
  return bytes.subarray(before, end);
}

test('zlib reads what it writes', () => {
  fc.assert(
    fc.property(repeating, (content) => {
      expect(inflateSync(deflated(content)).equals(content)).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});

test('copies of every length, from every distance', () => {
  const text = Buffer.from(Array.from({ length: longestShort }, (_, index) => `${index}`).join(' '));
  for (let distance = 4; distance <= 700; distance++) {
    const length = 3 + (distance % 300);
    const content = Buffer.concat([
      text.subarray(0, distance),
      text.subarray(0, Math.min(distance, length)),
      text.subarray(-20),
    ]);
    expect(inflateSync(deflated(content)).equals(content)).toBe(true);
  }
  for (const length of [0, 1, 3, 4, 5, 257, 258, 259, 262, 516, longestShort]) {
    const content = Buffer.alloc(length, 'x');
    expect(inflateSync(deflated(content)).equals(content)).toBe(true);
  }
});

test('bytes with the longest codes, and nothing to copy, take all the room', () => {
  const random = seeded(1);
  const content = Uint8Array.from({ length: longestShort }, () => 144 + random.below(112));
  const result = deflated(content);
  expect(result.length).toBe(mostDeflated(longestShort));
  expect(inflateSync(result).equals(content)).toBe(true);
});

test('text that repeats itself gets shorter', () => {
  const content = Buffer.from('host: db.internal\nport: 5432\n'.repeat(20));
  expect(deflated(content).length).toBeLessThan(60);
});
