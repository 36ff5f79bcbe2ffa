import { expect, test } from 'vitest';
import { describeChange } from '../../src/report/change.ts';

const side = (value: string | Uint8Array | null | undefined, attributes?: { [name: string]: string | boolean }) => ({
  value: typeof value === 'string' ? Buffer.from(value) : value,
  attributes,
});

test('text is compared line by line', () => {
  expect(describeChange(side('a\nb\nc\n'), side('a\nB\nc\n'))).toEqual([' a', '-b', '+B', ' c']);
});

test('a missing newline at the end is a difference that is shown', () => {
  expect(describeChange(side('a\n'), side('a'))).toEqual(['-a', '+a', '\\ No newline at end of file']);
});

test('values that both end without a newline show nothing of it', () => {
  expect(describeChange(side('off'), side('on'))).toEqual(['-off', '+on']);
  expect(describeChange(undefined, side('on'))).toEqual(['+on']);
});

test('a new node shows all of its value, a removed one too', () => {
  expect(describeChange(undefined, side('a\n'))).toEqual(['+a']);
  expect(describeChange(side('a\n'), undefined)).toEqual(['-a']);
});

test('binary values are told by size', () => {
  expect(describeChange(side(Uint8Array.of(0, 1)), side(Uint8Array.of(0xff)))).toEqual(['binary, 2 B → binary, 1 B']);
});

test('an empty value, no value and no node are three different things', () => {
  expect(describeChange(side(null), side(''))).toEqual(['no value → 0 B']);
  expect(describeChange(undefined, side(null))).toEqual(['nothing → no value']);
  expect(describeChange(undefined, side(''))).toEqual(['nothing → 0 B']);
});

test('attributes are compared as they are written', () => {
  expect(describeChange(side('a'), side('a', { executable: true }))).toEqual([
    'attributes:',
    '+{',
    '+  "executable": true',
    '+}',
  ]);
});

test('a value that is not at hand is said to be so', () => {
  expect(describeChange(side(undefined), side('a'))).toEqual(['a value that is not at hand → 1 B']);
});
