import { expect, test } from 'vitest';
import { compileSelection } from '../../src/operations/select.ts';

const key = (text: string) => Buffer.from(text, 'latin1');

test.each([
  ['/app/**', '/app/x/y', true],
  ['/app/**', '/app/', true],
  ['/app/**', '/app', false],
  ['/app/**', '/apple', false],
  ['/app/*', '/app/x', true],
  ['/app/*', '/app/x/y', false],
  ['/app/*', '/app/.hidden', true],
  ['/app/*', '/app/..', true],
  ['/app/**', '/app/../x', true],
  ['/app/**', '/app/./x', true],
  ['**', '..', true],
  ['/app/**', '/app//x', true],
  ['/app/*', '/app/a\nb', true],
  ['/app/**', '/app/a\nb/c', true],
  ['/a/?', '/a/\xff', true],
  ['**/tmp/**', '/a/tmp/x', true],
  ['foo:*', 'foo:bar', true],
  ['/app/{a,b}/**', '/app/b/x', true],
  ['/app/[ab]', '/app/c', false],
  ['!x', '!x', true],
])('the glob %s on the key %j: %s', async (glob, name, matches) => {
  expect((await compileSelection([glob], [])).matches(key(name))).toBe(matches);
  expect((await compileSelection([], [glob])).matches(key(name))).toBe(!matches);
});

test('globs are UTF-8 as keys are', async () => {
  expect((await compileSelection(['/größe/*'], [])).matches(Buffer.from('/größe/x'))).toBe(true);
});

test('what is excluded stays out even where it is included', async () => {
  const selection = await compileSelection(['/app/**'], ['/app/tmp/**']);
  expect(selection.matches(key('/app/x'))).toBe(true);
  expect(selection.matches(key('/app/tmp/x'))).toBe(false);
});

test('the literal beginning of every include narrows what has to be read', async () => {
  const prefixes = (await compileSelection(['/app/**', '/b/x*', '/exact'], [])).prefixes.map((prefix) =>
    Buffer.from(prefix).toString(),
  );
  expect(prefixes).toEqual(['/app/', '/b/x', '/exact']);
});

test.each([
  [['/app/**'], [], '/app', true],
  [['/app/**'], [], '/', true],
  [['/app/**'], [], '/app/x', true],
  [['/app/**'], [], '/apple', false],
  [['/app/x*/y'], [], '/app/xy', true],
  [['/app/x*/y'], [], '/app/z', false],
  [['**/y'], [], '/app', true],
  [['/größe/**'], [], Buffer.from('/größe').toString('latin1'), true],
  [[], ['/app'], '/app', true],
  [[], ['/app/*'], '/app', true],
  [[], ['/app/*/**'], '/app', true],
  [[], ['/app/**'], '/app', false],
  [[], ['/app/**'], '/app/x', false],
  [[], ['/**/x/**'], '/app/x/y', false],
  [[], ['/app/**'], '/', true],
  [[], ['/**'], '/', false],
  [[], ['**'], '/app', false],
  [['/app/**'], ['/app/tmp/**'], '/app/tmp', false],
] as const)(
  'included %j and excluded %j: something below %j may be selected: %s',
  async (include, exclude, name, may) => {
    expect((await compileSelection(include, exclude)).mayMatchBelow(key(name))).toBe(may);
  },
);
