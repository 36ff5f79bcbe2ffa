import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TreekeeperError } from '../../src/errors.ts';
import { escapeText, formatKey, formatValue, parseKey } from '../../src/report/key.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

test.each([
  ['/app/db/url', bytes('/app/db/url')],
  ['/größe/日本', Buffer.from('/größe/日本')],
  ['/a b', bytes('/a b')],
  ['/a\\x0Ab', bytes('/a\nb')],
  ['/a\\\\b', bytes('/a\\b')],
  ['/a\\x1B[31m', bytes('/a\x1b[31m')],
  ['/a\\xFE', bytes('/a\xfe')],
  ['\\xE2\\x80\\xAEgpj', Buffer.from('\u202egpj')],
])('shows the key %s so that it can be typed again', (text, key) => {
  expect(formatKey(key)).toBe(text);
  expect(Buffer.from(parseKey(text))).toEqual(key);
});

test('any key that is shown can be typed again, and shows no control character', () => {
  const key = fc.oneof(
    fc.uint8Array(),
    fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
  );
  fc.assert(
    fc.property(key, (original) => {
      const text = formatKey(original);
      expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(Buffer.compare(parseKey(text), original)).toBe(0);
    }),
    { numRuns: 2_000 },
  );
});

test.each(['\\', '\\q', 'a\\x1'])('refuses the key %s, which escapes nothing', (text) => {
  expect(() => parseKey(text)).toThrow(TreekeeperError);
});

test('a value cannot take over the terminal', () => {
  expect(escapeText('+\x1b]0;owned\x07\tok\u2028')).toBe('+\\x1B]0;owned\\x07\tok\\xE2\\x80\\xA8');
  expect(formatValue(bytes('a\x1bb'))).toBe('"a\\u001bb"');
  expect(formatValue(bytes('\xff\x00'))).toBe('base64:/wA=');
  expect(formatValue(bytes('plain'))).toBe('plain');
});
