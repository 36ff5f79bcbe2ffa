import type picomatch from 'picomatch';
import { latin1 } from '../snapshot/paths.ts';

/** Which nodes of a service belong to a store. */
export interface Selection {
  matches(key: Uint8Array): boolean;
  /** Whether something below a key may match, as far as that can be told without knowing what is there. */
  mayMatchBelow(key: Uint8Array): boolean;
  /** Every key that matches begins with one of these; empty where that says nothing. */
  readonly prefixes: readonly Uint8Array[];
}

/**
 * Globs over whole keys: `*` and `?` stay within a segment, `**` crosses them, `[a-z]` and `{a,b}` as in a shell. A key
 * is selected when it matches one of `include` (or there is none) and none of `exclude`. Keys are bytes, and so is what
 * a glob matches: one latin1 character each.
 */
export async function compileSelection(include: readonly string[], exclude: readonly string[]): Promise<Selection> {
  if (include.length === 0 && exclude.length === 0)
    return { matches: () => true, mayMatchBelow: () => true, prefixes: [] };

  const { default: matcher } = await import('picomatch');
  const compile = (glob: string) => compileGlob(glob, matcher);
  const [included, excluded] = [include.map(compile), exclude.map(compile)];
  const prefixes = include.map((glob) => Buffer.from(literalPrefix(glob)));
  const excludedWhole = exclude.filter((glob) => /(?:^|\/)\*\*$/.test(glob)).map(compile);
  return {
    matches(key) {
      const name = latin1(key);
      return (
        (included.length === 0 || included.some((matches) => matches(name))) &&
        !excluded.some((matches) => matches(name))
      );
    },

    mayMatchBelow(key) {
      const directory = latin1(key).replace(/(?<=[^/])$/, '/');
      const mayBeIncluded = prefixes
        .map(latin1)
        .some((text) => text.startsWith(directory) || directory.startsWith(text));
      return (include.length === 0 || mayBeIncluded) && !excludedWhole.some((matches) => matches(directory));
    },
    prefixes,
  };
}

/** A dot and a leading `!` mean nothing special in a key, and a key may hold a newline. */
function compileGlob(glob: string, matcher: typeof picomatch): (name: string) => boolean {
  const pattern = hideDots(Buffer.from(glob).toString('latin1'));
  const expression = matcher.makeRe(pattern, {
    dot: true,
    nonegate: true,
    noextglob: true,
    strictSlashes: true,
    flags: 's',
  });
  return (name) => expression.test(hideDots(name));
}

/** picomatch never lets a wildcard match the segments `.` and `..`, which are ordinary in a key. */
function hideDots(name: string): string {
  return name.replace(/(?<=^|\/)\.{1,2}(?=\/|$)/g, (dots) => '\u0100'.repeat(dots.length));
}

function literalPrefix(glob: string): string {
  return /^[^*?[\]{}()\\]*/.exec(glob)?.[0] ?? '';
}
