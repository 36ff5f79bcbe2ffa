import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { requireDescribed, types } from './output-schema.ts';

const published = JSON.parse(readFileSync(new URL('../../src/report/output.schema.json', import.meta.url), 'utf8'));

test('every type that the source prints has its definition, and every definition is of something that is printed', () => {
  const sources = ['commands', 'report'].flatMap((folder) => {
    const directory = new URL(`../../src/${folder}/`, import.meta.url);
    return readdirSync(directory)
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(new URL(file, directory), 'utf8'));
  });
  // A report without any field is text alone.
  const printed = sources.flatMap((text) => [...text.matchAll(/\btype: '([a-z]+)'(?! })/g)].map(([, type]) => type));
  // `find` names its events by what became of what was looked for.
  expect([...new Set([...printed, 'match', 'appeared', 'vanished'])].sort()).toEqual([...types].sort());
});

test('the published schema is one that a validator takes as it is, and holds a line against one definition', () => {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } });
  const validate = ajv.compile(published);
  expect(validate({ type: 'node', key: { base64: '/w==' }, value: null })).toBe(true);
  expect(validate({ type: 'node', key: 'a', later: 'fields may come' })).toBe(true);
  expect(validate({ type: 'node', key: 1 })).toBe(false);
  expect(validate({ type: 'unheard-of' })).toBe(false);
});

test('a type, and a field, that nobody described are noticed', () => {
  expect(() => requireDescribed('{"type":"unheard-of"}')).toThrow('unheard-of');
  expect(() => requireDescribed('{"type":"node","key":"a","nobody":1}')).toThrow('nobody');
});
