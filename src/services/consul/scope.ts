import { pathPrefix } from './path.ts';

/** What a read is about. */
export interface Scope {
  /** What is asked for: all keys that begin with it. More than is wanted, where no URL can carry what is. */
  readonly asked: string;
  /** What the token has to allow for everything that is wanted to be seen. */
  readonly needed: readonly string[];
  /** The root as a key of its own, where it is wanted and not below itself. */
  readonly node: string | undefined;
}

/** The scope of a read below `root` of what begins with one of `prefixes`, or of everything without any. */
export function scopeOf(root: Buffer, prefixes: readonly Uint8Array[]): Scope {
  const top = root.toString();
  const whole = prefixes.length === 0 || prefixes.some((prefix) => startsWith(root, prefix));
  if (whole) {
    const isNode = top !== '' && !top.endsWith('/');
    return { asked: pathPrefix(top), needed: [isNode ? `${top}/` : top], node: isNode ? top : undefined };
  }
  const wanted = prefixes.filter((prefix) => startsWith(prefix, root));
  const needed = wanted.map(wholeCharacters);
  return { asked: pathPrefix(needed.reduce(commonBeginning, needed[0] ?? top)), needed, node: undefined };
}

export function isInside(key: Uint8Array, root: Uint8Array): boolean {
  if (!startsWith(key, root)) return false;
  const slash = 0x2f;
  return root.length === 0 || root.at(-1) === slash || key.length === root.length || key[root.length] === slash;
}

function startsWith(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, beginning.length), beginning) === 0;
}

/** Without what is no UTF-8 at its end, since a prefix may stop within a character. */
function wholeCharacters(prefix: Uint8Array): string {
  return Buffer.from(prefix)
    .toString()
    .replace(/\u{fffd}.*$/su, '');
}

function commonBeginning(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  // Not within a pair of surrogates.
  return a.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}
