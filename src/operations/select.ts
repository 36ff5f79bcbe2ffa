import picomatch from 'picomatch';
import { latin1 } from '../snapshot/paths.ts';

/** Which nodes of a service belong to a store. */
export interface Selection {
  matches(key: Uint8Array): boolean;
  /** Every key that matches begins with one of these; empty where that says nothing. */
  readonly prefixes: readonly Uint8Array[];
}

/**
 * Globs over whole keys: `*` and `?` stay within a segment, `**` crosses them, `[a-z]` and `{a,b}` as in a shell. A key
 * is selected when it matches one of `include` (or there is none) and none of `exclude`. Keys are bytes, and so is what
 * a glob matches: one latin1 character each.
 */
export function compileSelection(include: readonly string[], exclude: readonly string[]): Selection {
  const included = include.map(compileGlob);
  const excluded = exclude.map(compileGlob);
  return {
    matches(key) {
      if (included.length === 0 && excluded.length === 0) return true;
      const name = latin1(key);
      return (
        (included.length === 0 || included.some((matches) => matches(name))) &&
        !excluded.some((matches) => matches(name))
      );
    },
    prefixes: include.map((glob) => Buffer.from(literalPrefix(glob))),
  };
}

/** A dot and a leading `!` mean nothing special in a key, and a key may hold a newline. */
function compileGlob(glob: string): (name: string) => boolean {
  const pattern = hideDots(Buffer.from(glob).toString('latin1'));
  const expression = picomatch.makeRe(pattern, {
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
