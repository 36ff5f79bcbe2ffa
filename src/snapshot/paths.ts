import type { Layout } from './layout.ts';
import { longestPath } from './names.ts';

/** Rule 8: a path that may need more characters than this lives under `%long`; macOS takes 1,024 for all of it. */
const longestStorePath = 890;

/** Where a key lies below the directory of its store. */
export interface Place {
  /** Under the marker directory `%rel`: a key of an `either` layout that does not begin with `/`. */
  readonly relative: boolean;
  /** One latin1 string per segment; none is the root node itself. */
  readonly segments: readonly string[];
}

/** The place of a key, or `undefined` where it lies outside `root`. */
export function placeOf(key: Uint8Array, root: Uint8Array, layout: Layout): Place | undefined {
  return placeOfName(latin1(key), root, layout);
}

/** The same for a key with one character per byte. */
export function placeOfName(name: string, root: Uint8Array, layout: Layout): Place | undefined {
  const base = baseOf(root);
  if (!name.startsWith(base)) return undefined;

  const rest = name.slice(base.length);
  if (rest === '' || (rest === '/' && layout.keys === 'absolute')) return { relative: false, segments: [] };
  if (rest.startsWith('/') && (base !== '' || layout.keys !== 'relative')) {
    return { relative: false, segments: rest.slice(1).split('/') };
  }
  if (base !== '' || layout.keys === 'absolute') return undefined;
  return { relative: layout.keys === 'either', segments: rest.split('/') };
}

/** The key that lies at a place: the inverse of `placeOf`. */
export function keyAt({ relative, segments }: Place, root: Uint8Array, layout: Layout): Uint8Array {
  const base = baseOf(root);
  const rest = segments.join('/');
  if (segments.length === 0) return Buffer.from(base === '' && layout.keys === 'absolute' ? '/' : base, 'latin1');
  if (relative || (base === '' && layout.keys === 'relative')) return Buffer.from(rest, 'latin1');
  return Buffer.from(`${base}/${rest}`, 'latin1');
}

/** No key of this many bytes or less is long: at three characters a byte, there is room for the marks of its pieces. */
export const shortestLong = 250;

/** Rule 8: whether a place is too deep or too long for its path to be checked out everywhere. */
export function isLong({ segments }: Place): boolean {
  let bytes = segments.length;
  for (const segment of segments) bytes += segment.length;
  return bytes > shortestLong && longestPath(segments) > longestStorePath;
}

/** One character per byte. */
export function latin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1');
}

/** A root with a trailing slash names only what lies below it; the keys lie at the same places either way. */
function baseOf(root: Uint8Array): string {
  const name = latin1(root);
  return name.endsWith('/') ? name.slice(0, -1) : name;
}
