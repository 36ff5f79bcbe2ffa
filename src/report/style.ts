import type { Writable } from 'node:stream';
import { TreekeeperError } from '../errors.ts';

/** How text looks on a terminal, by what it means. Without colour every one of them answers the text as it is. */
export type Style = { readonly [meaning in keyof typeof codes]: (text: string) => string };

/** Select Graphic Rendition parameters, on and off (ECMA-48, 8.3.117); the colours are those of `git diff` and `git log`. */
const codes = {
  added: [32, 39],
  removed: [31, 39],
  changed: [33, 39],
  /** What names a snapshot. */
  snapshot: [33, 39],
  /** The title of a block, such as the attributes of a node. */
  heading: [36, 39],
  /** What matters less than the text beside it. */
  faint: [2, 22],
  strong: [1, 22],
  /** The very part of a line that changed. */
  marked: [7, 27],
} as const;

/**
 * The style for data that goes to `stream`. `always` and `never` are what they say; `auto`, and nothing, mean colour on a
 * terminal that is not dumb, unless `NO_COLOR` is set (https://no-color.org). Throws `TreekeeperError('usage')` on any
 * other word.
 */
export function styleFor(
  when: string | undefined,
  stream: Writable & { readonly isTTY?: boolean },
  environment: { readonly [name: string]: string | undefined },
): Style {
  if (when === 'always') return coloured;
  if (when === 'never') return plain;
  if (when !== undefined && when !== 'auto') {
    throw new TreekeeperError('usage', `--color ${when} is none of auto, always and never`);
  }
  return stream.isTTY && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb' ? coloured : plain;
}

function styleOf(paint: (text: string, on: number, off: number) => string): Style {
  return Object.fromEntries(
    Object.entries(codes).map(([meaning, [on, off]]) => [meaning, (text: string) => paint(text, on, off)]),
  ) as Style;
}

/** Each line is coloured for itself, so that a pager that shows some of them shows them right. */
const coloured = styleOf((text, on, off) => text.replace(/[^\n]+/g, (line) => `\x1b[${on}m${line}\x1b[${off}m`));

export const plain = styleOf((text) => text);
