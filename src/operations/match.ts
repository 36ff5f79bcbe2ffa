import { reasonOf, TreekeeperError } from '../errors.ts';
import { textOf } from '../snapshot/bytes.ts';
import { latin1 } from '../snapshot/paths.ts';
import { compileSelection } from './select.ts';

/** What is looked for, and how it is meant. */
export interface Pattern {
  readonly text: string;
  readonly isRegExp: boolean;
  readonly ignoresCase: boolean;
}

/** Tells of a key, and of a value, whether it is one that is looked for. */
export interface Matcher {
  key(key: Uint8Array): boolean;
  value(value: Uint8Array): boolean;
}

/**
 * A pattern is any part of a key or value, byte for byte; in keys, where it has one of `*?[`, a glob, over the whole key
 * where it has a slash, else over the last segment; or a regular expression of JavaScript, over text where it is UTF-8, else
 * over one character per byte. Throws `TreekeeperError('usage')` where a regular expression is none.
 */
export async function compileMatcher({ text, isRegExp, ignoresCase }: Pattern): Promise<Matcher> {
  if (isRegExp) {
    const expression = compile(text, ignoresCase ? 'imsu' : 'msu');
    const matches = (bytes: Uint8Array) => expression.test(textOf(bytes) ?? latin1(bytes));
    return { key: matches, value: matches };
  }

  const fold = (bytes: Uint8Array): Buffer =>
    ignoresCase
      ? Buffer.from((textOf(bytes) ?? latin1(bytes)).toLowerCase())
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const wanted = fold(Buffer.from(text));
  const contains = (bytes: Uint8Array) => fold(bytes).includes(wanted);
  if (!/[*?[]/.test(text)) return { key: contains, value: contains };

  const { matches } = await compileSelection([fold(Buffer.from(text)).toString()], []);
  const isWhole = text.includes('/');
  return {
    key: (key) => matches(fold(isWhole ? key : key.subarray(key.lastIndexOf(0x2f) + 1))),
    value: contains,
  };
}

function compile(text: string, flags: string): RegExp {
  try {
    return new RegExp(text, flags);
  } catch (cause) {
    throw new TreekeeperError('usage', reasonOf(cause), {
      hint: 'without -E the pattern is taken as it stands',
      cause,
    });
  }
}
