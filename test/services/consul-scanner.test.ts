import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Entry, openScanner } from '../../src/services/consul/scanner.ts';

function scan(...pieces: readonly (string | Uint8Array)[]): Entry[] {
  const scanner = openScanner();
  const entries = pieces.flatMap((piece) => scanner.push(Buffer.from(piece as string)));
  scanner.end();
  return entries;
}

const entry = (more = '') =>
  `{"LockIndex":0,"Key":"a","Flags":0,"Value":"eA==","CreateIndex":1,"ModifyIndex":2${more}}`;

/** What JSON itself makes of a list, with every integer as a string so that none is rounded. */
function parse(text: string) {
  const list: { Key: string; Value: string | null; Flags: string; Session?: string }[] = JSON.parse(
    text.replace(/"(?:[^"\\]|\\.)*"|-?\d+/gs, (token) => (token.startsWith('"') ? token : `"${token}"`)),
  );
  return list.map(({ Key, Value, Flags, Session }) => ({
    key: Buffer.from(Key).toString('hex'),
    value: Buffer.from(Value ?? '', 'base64').toString('hex'),
    flags: BigInt(Flags),
    session: Session,
  }));
}

function plain({ key, value, flags, session }: Entry) {
  return { key: Buffer.from(key).toString('hex'), value: Buffer.from(value).toString('hex'), flags, session };
}

const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
const value = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64')),
);
const list = fc
  .array(fc.tuple(key, value, fc.bigInt(0n, 2n ** 64n - 1n), fc.boolean(), fc.boolean()), { maxLength: 20 })
  .map((rows) =>
    rows.map(([Key, Value, flags, isLocked, isReversed]) => {
      const members = [
        '"LockIndex": 3',
        `"Key": ${JSON.stringify(Key)}`,
        `"Flags":${flags}`,
        `"Value": ${JSON.stringify(Value).replaceAll('/', isReversed ? '\\/' : '/')}`,
        ...(isLocked ? ['"Session":"adf4238a-882b-9ddc-4a9d-5b6758e4159e"'] : []),
        '"New" : true',
      ];
      return `{ ${(isReversed ? members.reverse() : members).join(', ')}\n}`;
    }),
  )
  .map((rows) => ` [${rows.join(',\n')}] `);

test('any list in any pieces is what JSON says it is', () => {
  fc.assert(
    fc.property(list, fc.infiniteStream(fc.nat(200)), (text, sizes) => {
      const body = Buffer.from(text);
      const pieces: Buffer[] = [];
      for (let at = 0; at < body.length; ) {
        const size = (sizes.next().value ?? 0) + 1;
        pieces.push(body.subarray(at, at + size));
        at += size;
      }
      expect(scan(...pieces).map(plain)).toEqual(parse(text));
    }),
    { numRuns: 300 },
  );
});

test('a list that is cut off anywhere is an error, never a shorter list', () => {
  const body = Buffer.from(
    `[${entry(',"Session":"s"')},{"Key":"\\u00e4\\n","Value":null,"Flags":18446744073709551615}]\n`,
  );
  expect(scan(body).length).toBe(2);
  for (let length = 0; length < body.length - 1; length++)
    expect(() => scan(body.subarray(0, length)), `${length} bytes`).toThrow(SyntaxError);
});

test('a list with no keys in it', () => {
  expect(scan('[', ' ]')).toEqual([]);
});

test.each([
  ['nothing', ''],
  ['a web page', '<html><body>It works!</body></html>'],
  ['null', 'null'],
  ['an object', entry()],
  ['strings', '["a/b"]'],
  ['lists', '[[]]'],
  ['an entry with nothing in it', '[{}]'],
  ['an entry without a key', '[{"Value":null,"Flags":0}]'],
  ['an entry without a value', '[{"Key":"a","Flags":0}]'],
  ['a value that is a number', '[{"Key":"a","Value":1}]'],
  ['an entry that is not flat', `[${entry(',"More":{"a":1}')}]`],
  ['an entry with a list in it', `[${entry(',"More":["a"]')}]`],
  ['no comma', `[${entry()}${entry()}]`],
  ['a comma too many', `[${entry()},]`],
  ['something behind it', `[${entry()}] oops`],
  ['two lists', `[${entry()}][${entry()}]`],
  ['no base64', `[${entry().replace('eA==', 'eA=*')}]`],
  ['base64 that ends too soon', `[${entry().replace('eA==', 'eA')}]`],
  ['flags that are a fraction', `[${entry().replace('"Flags":0', '"Flags":1.5')}]`],
  ['flags of 65 bits', `[${entry().replace('"Flags":0', '"Flags":18446744073709551616')}]`],
  ['a number with a leading zero', `[${entry(',"More":01')}]`],
  ['a word that is no JSON', `[${entry(',"More":yes')}]`],
  ['a newline in a string', `[${entry().replace('"a"', '"a\n"')}]`],
  ['an escape that is none', `[${entry().replace('"a"', '"\\x"')}]`],
])('%s is no list of keys', (_what, body) => {
  expect(() => scan(body)).toThrow(SyntaxError);
});

test('a key that Consul could not write as UTF-8 is told from one that has U+FFFD in it', () => {
  const one = (json: string) => scan(`[${entry().replace('"a"', json)}]`)[0];
  expect(one('"\\ufffdz"')).toMatchObject({ garbled: true, key: Buffer.from('\xffz', 'latin1') });
  expect(one('"\\\\\\uFFFDz"')).toMatchObject({ garbled: true, key: Buffer.from('\\\xffz', 'latin1') });
  expect(one('"\\ud800"')).toMatchObject({ garbled: true });
  expect(one('"\u{fffd}\\n"')).toMatchObject({ garbled: false, key: Buffer.from('\u{fffd}\n') });
  expect(one('"\\\\ufffd"')).toMatchObject({ garbled: false, key: Buffer.from('\\ufffd') });
  expect(one('"\\ud83c\\udf33"')).toMatchObject({ garbled: false, key: Buffer.from('\u{1f333}') });
});

test('an entry without an end is given up', () => {
  const scanner = openScanner();
  scanner.push(Buffer.from('[{"Key":"a","Value":"'));
  const piece = Buffer.alloc(16 * 1024 * 1024, 'A');
  expect(() => {
    for (let count = 0; count < 20; count++) scanner.push(piece);
  }).toThrow('no end');
});
