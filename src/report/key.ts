import { TreekeeperError } from '../errors.ts';
import { textOf } from '../snapshot/bytes.ts';
import { type Change, kindOf } from '../snapshot/diff.ts';
import { latin1 } from '../snapshot/paths.ts';

/**
 * A key as people read and type it: UTF-8 as it is, with `\\` for a backslash and `\xHH` for every byte that is no
 * printable text. Control and bidirectional characters could otherwise take over a terminal or hide what a key says.
 */
export function formatKey(key: Uint8Array): string {
  if (key.every(isPlain)) return latin1(key);
  const text = textOf(key);
  if (text !== undefined) return text.replace(/[\\\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter);

  // Not UTF-8 as a whole: each byte for itself, so that no half character is guessed.
  return [...key]
    .map((byte) => (byte > 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : hex(byte)))
    .join('');
}

/** Printable ASCII, but for the backslash: what nearly all keys are made of. */
function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
}

/** The inverse of `formatKey`. Throws `TreekeeperError('usage')` on a backslash that escapes nothing. */
export function parseKey(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [part] of text.matchAll(/[^\\]+|\\(?:\\|x[0-9A-Fa-f]{2})?/g)) {
    if (!part.startsWith('\\')) parts.push(Buffer.from(part));
    else if (part === '\\\\') parts.push(Buffer.from('\\'));
    else if (part.length === 4) parts.push(Buffer.from(part.slice(2), 'hex'));
    else
      throw new TreekeeperError('usage', `${text} has a backslash that escapes nothing`, {
        hint: 'write \\\\ for a backslash, \\xFF for a byte',
      });
  }
  return Buffer.concat(parts);
}

/** A value on one line: as text, quoted where it has to be, or in base64. */
export function formatValue(value: Uint8Array): string {
  const text = textOf(value);
  if (text === undefined || text.includes('\0')) return `base64:${Buffer.from(value).toString('base64')}`;
  return /^[\x21-\x7e]*$/.test(text) && !text.startsWith('"') ? text : escapeText(JSON.stringify(text));
}

/** A change as one line: `+` added, `~` changed, `-` removed. */
export function changeLine(change: Change): string {
  return `${{ added: '+', changed: '~', removed: '-' }[kindOf(change)]} ${formatKey(change.key)}`;
}

/** One line of a value, made safe to print: tabs stay, every other character that a terminal would obey does not. */
export function escapeText(line: string): string {
  return line.replace(/[^\P{C}\t]|[\p{Zl}\p{Zp}]/gu, (character) => [...Buffer.from(character)].map(hex).join(''));
}

function escapeCharacter(character: string): string {
  return character === '\\' ? '\\\\' : [...Buffer.from(character)].map(hex).join('');
}

function hex(byte: number): string {
  return byte === 0x5c ? '\\\\' : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
