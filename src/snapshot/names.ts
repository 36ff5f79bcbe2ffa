import { TreekeeperError } from '../errors.ts';

/*
 * The names of the snapshot format: how one segment of a key becomes one file name, and back. Segments are bytes, held
 * here as strings of one character per byte (latin1), since such strings can be keys of a Map and lose nothing.
 *
 * The rules are numbered as in README. They are part of the format: a snapshot written today is read by them for ever.
 */

/** Rule 7: a segment that may need more characters than this is cut into pieces of at most this many. */
const longestName = 200;

/** Marks every piece of a cut segment but the last, which makes it the name of a directory. */
export const pieceSuffix = '%+';

/** Rule 1. */
const emptySegment = '%_';

/** What most segments look like: no rule changes anything about them but for reserved names and `.gpg`. */
const plain = /^[A-Za-z0-9_,=+@](?:[A-Za-z0-9\-_.,=+@]*[A-Za-z0-9\-_,=+@])?$/;
const unsafe = /[^A-Za-z0-9\-_.,=+@]/g;
const unsafeOrCapital = /[^a-z0-9\-_.,=+@]/g;
const ciphertext = /\.gpg$/i;
const reserved = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;
const escapeSequence = /%(?:[0-9A-F]{2})?/g;

/**
 * The file names that stand for a segment: one, or, where it is long, several, of which all but the last are nested
 * directories. `capitals` says what rule 6 decided for it: `escaped` where a sibling differs only in ASCII case.
 * A long segment has its capitals escaped either way.
 */
export function encodeSegment(segment: string, capitals: 'stand' | 'escaped'): readonly string[] {
  // At three characters a byte nothing shorter can become long.
  if (segment.length * 3 > longestName) {
    const escaped = encodeWhole(segment, unsafeOrCapital);
    if (escaped.length > longestName) return cut(escaped);
  }

  return [encodeWhole(segment, capitals === 'stand' ? unsafe : unsafeOrCapital)];
}

/**
 * The segment that names from a tree stand for, with `pieceSuffix` already taken off. Strict about the escapes alone;
 * whether the encoder would have chosen these names is for the caller to check, who knows the siblings.
 */
export function decodeSegment(pieces: readonly string[]): string {
  const name = pieces.length === 1 ? (pieces[0] ?? '') : pieces.join('');
  if (!name.includes('%')) return name;
  if (name === emptySegment) return '';

  return name.replace(escapeSequence, (sequence) => {
    if (sequence.length === 1)
      throw new TreekeeperError('integrity', `the name ${JSON.stringify(name)} is not of the snapshot format`);
    return String.fromCharCode(Number.parseInt(sequence.slice(1), 16));
  });
}

/** The most characters that the names of these segments can need as a path, whatever their siblings are. */
export function longestPath(segments: readonly string[]): number {
  let length = segments.length - 1;
  for (const segment of segments) {
    const names = encodeSegment(segment, 'escaped');
    for (const name of names) length += name.length;
    length += names.length - 1;
  }
  return length;
}

/** True where rule 6 has something to decide. */
export function hasCapitals(segment: string): boolean {
  return /[A-Z]/.test(segment);
}

/** What rule 6 compares siblings by. `toLowerCase` would fold bytes above 0x7F too, taken for latin1 letters. */
export function foldCase(segment: string): string {
  return segment.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}

/** Rules 1 to 5. */
function encodeWhole(segment: string, unsafeCharacters: RegExp): string {
  if (segment === '') return emptySegment;

  const safe =
    unsafeCharacters === unsafe && plain.test(segment)
      ? segment
      : guardEnds(segment.replace(unsafeCharacters, escapeCharacter));
  return guardReserved(ciphertext.test(safe) ? `${safe.slice(0, -4)}%2E${safe.slice(-3)}` : safe);
}

/** Rule 3: no `.git`, no `..`, no trailing dot, no name that a program would take for an option. */
function guardEnds(name: string): string {
  const first = name[0];
  const start = first === '.' || first === '-' ? escapeCharacter(first) + name.slice(1) : name;
  return start.endsWith('.') ? `${start.slice(0, -1)}%2E` : start;
}

/** Rule 5: Windows takes `con`, `aux.txt` and their like for devices, in any directory. */
function guardReserved(name: string): string {
  return reserved.test(name) ? escapeCharacter(name.slice(0, 1)) + name.slice(1) : name;
}

/** Rule 7. */
function cut(encoded: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (encoded.length - start > longestName) {
    let end = start + longestName;
    if (encoded[end - 1] === '%') end -= 1;
    else if (encoded[end - 2] === '%') end -= 2;
    pieces.push(guardReserved(guardEnds(encoded.slice(start, end))) + pieceSuffix);
    start = end;
  }
  pieces.push(guardReserved(guardEnds(encoded.slice(start))));
  return pieces;
}

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
