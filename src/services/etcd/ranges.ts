import { latin1 } from '../../snapshot/paths.ts';

/** Keys from `start` up to, and without, `end`; no `end` means to the last one. As latin1, so that `<` compares bytes. */
export interface KeyRange {
  readonly start: string;
  readonly end: string | undefined;
}

/**
 * The ranges to ask for: what lies below the root, as far as it begins with one of the prefixes (all of it without any).
 * In ascending order, and no key is in two of them. A root without a slash at its end is a node as well, in a range of
 * its own, since a user who may read what is below it may have no right to read the node.
 */
export function rangesOf(root: Uint8Array, prefixes: readonly Uint8Array[]): KeyRange[] {
  const name = latin1(root);
  const below = name === '' || name.endsWith('/') ? [prefixRange(name)] : [nodeRange(name), prefixRange(`${name}/`)];
  if (prefixes.length === 0) return below;

  const wanted = union(prefixes.map((prefix) => prefixRange(latin1(prefix))));
  return below.flatMap((range) => wanted.flatMap((other) => intersection(range, other) ?? []));
}

/** The request's form of a range: etcd writes "no end" as a NUL, and wants no empty key. */
export function encodeRangeEnds({ start, end }: KeyRange): { key: Buffer; end: Buffer } {
  if (end === `${start}\0`) return { key: bytes(start), end: bytes('') };
  return { key: bytes(start === '' ? '\0' : start), end: bytes(end ?? '\0') };
}

/** The range that holds one key only. */
export function nodeRange(key: string): KeyRange {
  return { start: key, end: `${key}\0` };
}

/** The end is the prefix with its last byte one higher; bytes 0xFF have none higher and go. */
function prefixRange(prefix: string): KeyRange {
  const rest = prefix.replace(/\xff+$/, '');
  if (rest === '') return { start: prefix, end: undefined };
  return { start: prefix, end: rest.slice(0, -1) + String.fromCharCode(rest.charCodeAt(rest.length - 1) + 1) };
}

function union(ranges: readonly KeyRange[]): KeyRange[] {
  const joined: KeyRange[] = [];
  for (const range of ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = joined.at(-1);
    if (!last || isBefore(last.end, range.start)) joined.push(range);
    else if (last.end !== undefined && (range.end === undefined || last.end < range.end)) {
      joined[joined.length - 1] = { start: last.start, end: range.end };
    }
  }
  return joined;
}

function intersection(a: KeyRange, b: KeyRange): KeyRange | undefined {
  // biome-ignore lint/complexity/useMathMinMax: these are strings, compared by byte
  const start = a.start > b.start ? a.start : b.start;
  const end = a.end === undefined || (b.end !== undefined && b.end < a.end) ? b.end : a.end;
  return end !== undefined && end <= start ? undefined : { start, end };
}

function isBefore(end: string | undefined, start: string): boolean {
  return end !== undefined && end < start;
}

function bytes(name: string): Buffer {
  return Buffer.from(name, 'latin1');
}
