import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { TreekeeperError } from '../../src/errors.ts';
import { styleFor } from '../../src/report/style.ts';

const pipe = new PassThrough();
const terminal = Object.assign(new PassThrough(), { isTTY: true });
const green = '\x1b[32mx\x1b[39m';

test.each([
  ['on a terminal', undefined, terminal, {}, green],
  ['into a pipe', undefined, pipe, {}, 'x'],
  ['with NO_COLOR', 'auto', terminal, { NO_COLOR: '1' }, 'x'],
  ['with an empty NO_COLOR', 'auto', terminal, { NO_COLOR: '' }, green],
  ['on a dumb terminal', 'auto', terminal, { TERM: 'dumb' }, 'x'],
  ['always', 'always', pipe, { NO_COLOR: '1', TERM: 'dumb' }, green],
  ['never', 'never', terminal, {}, 'x'],
])('colour %s', (_, when, stream, environment, shown) => {
  expect(styleFor(when, stream, environment).added('x')).toBe(shown);
});

test('lines are coloured one by one', () => {
  expect(styleFor('always', pipe, {}).removed('a\n\nb')).toBe('\x1b[31ma\x1b[39m\n\n\x1b[31mb\x1b[39m');
});

test('another word is refused', () => {
  expect(() => styleFor('yes', terminal, {})).toThrow(TreekeeperError);
});
