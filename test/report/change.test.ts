import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { describeChange, summariseChange } from '../../src/report/change.ts';
import { plain, styleFor } from '../../src/report/style.ts';

type Attributes = { readonly [name: string]: string | boolean };
const side = (value: string | Uint8Array | null | undefined, attributes?: Attributes, encrypted = false) => ({
  value: typeof value === 'string' ? Buffer.from(value) : value,
  attributes,
  encrypted,
});
type Side = ReturnType<typeof side> | undefined;
const describeAs = (form: object) => (before: Side, after: Side) =>
  describeChange(before, after, { style: plain, full: false, byLine: false, ...form });
const change = describeAs({});

describe('text', () => {
  test('is compared line by line', async () => {
    expect(await change(side('a\nb\nc\n'), side('a\nB\nc\n'))).toEqual([' a', '-b', '+B', ' c']);
  });

  test('shows a missing newline at the end', async () => {
    expect(await change(side('a\n'), side('a'))).toEqual(['-a', '+a', '\\ No newline at end of file']);
  });

  test('shows nothing of a newline that both sides lack', async () => {
    expect(await change(side('off'), side('on'))).toEqual(['-off', '+on']);
    expect(await change(undefined, side('on'))).toEqual(['+on']);
  });

  test('is shown whole where the node is new or gone', async () => {
    expect(await change(undefined, side('a\n'))).toEqual(['+a']);
    expect(await change(side('{"a":1}'), undefined)).toEqual(['-{"a":1}']);
  });

  test('has gaps between places that are far apart', async () => {
    const text = (first: string, last: string) => [first, ...'12345678', last, ''].join('\n');
    const lines = await change(side(text('a', 'b')), side(text('A', 'B')));
    expect(lines).toEqual(['-a', '+A', ' 1', ' 2', ' 3', '@@', ' 6', ' 7', ' 8', '-b', '+B']);
  });

  test('cannot take over the terminal', async () => {
    expect(await change(side('a'), side('\x1b[2J'))).toEqual(['-a', '+\\x1B[2J']);
  });
});

describe('words', () => {
  const coloured = describeAs({ style: styleFor('always', process.stdout, {}) });
  const marked = (text: string) => `\x1b[7m${text}\x1b[27m`;

  test('within a line are marked where there is colour', async () => {
    expect(await coloured(side('postgres://db1/app'), side('postgres://db2/app'))).toEqual([
      `\x1b[31m-postgres://${marked('db1')}/app\x1b[39m`,
      `\x1b[32m+postgres://${marked('db2')}/app\x1b[39m`,
    ]);
  });

  test('are not marked where the lines have little in common', async () => {
    expect(await coloured(side('off'), side('on'))).toEqual(['\x1b[31m-off\x1b[39m', '\x1b[32m+on\x1b[39m']);
  });
});

describe('JSON and YAML', () => {
  test('JSON is compared by path', async () => {
    const before = '{"db":{"host":"a","port":5432},"list":["x","y"],"odd key":1}';
    const after = '{"db":{"host":"b","port":5432},"list":["w","x","y"],"odd key":1,"new":{"deep":true}}';
    expect(await change(side(before), side(after))).toEqual([
      'JSON, by path:',
      '-db.host: "a"',
      '+db.host: "b"',
      '+list[0]: "w"',
      '+new: {deep: true}',
    ]);
    expect(await change(side('{"odd key":1}'), side('{"odd key":[2]}'))).toContain('+"odd key": [2]');
  });

  test('no digit of a number is lost', async () => {
    expect(await change(side('{"id":9007199254740993}'), side('{"id":9007199254740992}'))).toEqual([
      'JSON, by path:',
      '-id: 9007199254740993',
      '+id: 9007199254740992',
    ]);
  });

  test('JSON that is only written differently is compared by line', async () => {
    expect(await change(side('{"a":1}'), side('{ "a": 1 }'))).toEqual(['-{"a":1}', '+{ "a": 1 }']);
  });

  test('anything is compared by line where that is asked for', async () => {
    expect(await describeAs({ byLine: true })(side('{"a":1}'), side('{"a":2}'))).toEqual(['-{"a":1}', '+{"a":2}']);
  });

  test('YAML keeps its lines, but for what was sorted anew', async () => {
    expect(await change(side('min: 2\nmax: 10\n'), side('min: 2\nmax: 40\n'))).toEqual([
      ' min: 2',
      '-max: 10',
      '+max: 40',
    ]);
    const sorted = 'a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n';
    const reversed = 'e: 5\nd: 4\nc: 3\nb: 2\na: 9\n';
    expect(await change(side(sorted), side(reversed))).toEqual([
      'YAML, by path, without comments and layout (--by-line):',
      '-a: 1',
      '+a: 9',
    ]);
  });
});

describe('what is no text', () => {
  test('binary values are told by kind and size', async () => {
    const packed = gzipSync('x');
    expect(await change(side(Uint8Array.of(0, 1)), side(packed))).toEqual([
      `binary, 2 B → binary (gzip), ${packed.length} B`,
    ]);
  });

  test('an empty value, no value and no node are three different things', async () => {
    expect(await change(side(null), side(''))).toEqual(['no value → 0 B']);
    expect(await change(undefined, side(null))).toEqual(['nothing → no value']);
    expect(await change(undefined, side(''))).toEqual(['nothing → 0 B']);
  });

  test('a value that is not at hand is said to be so', async () => {
    expect(await change(side(undefined), side('a'))).toEqual(['a value that is not at hand → 1 B']);
    expect(await change(side('a'), side(undefined, undefined, true))).toEqual([
      '1 B → an encrypted value that no key opens',
    ]);
  });

  test('attributes are compared by path', async () => {
    expect(await change(side('a'), side('a', { executable: true }))).toEqual(['attributes:', '+executable: true']);
  });
});

describe('limits', () => {
  const long = side(Array.from({ length: 500 }, (_, line) => `line ${line}\n`).join(''));

  test('a long change is cut, and says so', async () => {
    const lines = await change(undefined, long);
    expect(lines).toHaveLength(401);
    expect(lines.at(-1)).toBe('… 100 more lines (--full)');
    expect(await describeAs({ full: true })(undefined, long)).toHaveLength(500);
  });

  test('a long line is cut, and says so', async () => {
    const [line] = await change(undefined, side('x'.repeat(3_000)));
    expect(line).toBe(`+${'x'.repeat(2_000)} … 1,000 more characters (--full)`);
  });

  test('a huge value is told by its size', async () => {
    expect(await change(undefined, side('x\n'.repeat(1024 * 1024)))).toEqual(['nothing → 2,097,152 B']);
  });
});

test('in short, a change is told by its lines, else by its sizes', () => {
  expect(summariseChange(side('a\nb\n'), side('a\nc\nd\n'), plain)).toBe('+2 -1');
  expect(summariseChange(side(Uint8Array.of(0)), side('a'), plain)).toBe('binary, 1 B → 1 B');
  expect(summariseChange(side('a'), side('a', { executable: true }), plain)).toBe('attributes');
});
