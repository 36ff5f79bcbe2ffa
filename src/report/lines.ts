import { structuredPatch } from 'diff';
import { count } from '../snapshot/message.ts';
import { escapeText } from './key.ts';
import type { Style } from './style.ts';

/** One line of a comparison: that both have it, that it came or went, a gap, or a remark on the line before. */
export interface Line {
  readonly sign: ' ' | '+' | '-' | '@@' | '\\';
  readonly parts: readonly Part[];
}

/** A piece of a line, as it is; `marked` where it is the very piece that differs. */
export interface Part {
  readonly text: string;
  readonly marked: boolean;
}

export function lineOf(sign: Line['sign'], text: string): Line {
  return { sign, parts: [{ text, marked: false }] };
}

/** Two texts that differ in more lines than this have hardly any in common, and finding those would take minutes. */
const mostEdits = 20_000;

/**
 * The lines in which two texts differ, with three around each place and a gap between places; none where the texts are
 * the same. `undefined` where they are too large and too different.
 */
export function compareLines(before: string, after: string): Line[] | undefined {
  const options = { context: 3, maxEditLength: mostEdits };
  const patch = structuredPatch('', '', ...endLines(before, after), undefined, undefined, options);
  return patch?.hunks.flatMap(({ lines }, index) => [
    ...(index > 0 ? [lineOf('@@', '')] : []),
    ...lines.map((line) => lineOf(line.charAt(0) as Line['sign'], line.slice(1))),
  ]);
}

/** How many lines came and went. */
export function changedLines(lines: readonly Line[]): { added: number; removed: number } {
  const counts = { added: 0, removed: 0 };
  for (const { sign } of lines) {
    if (sign === '+') counts.added += 1;
    if (sign === '-') counts.removed += 1;
  }
  return counts;
}

/** Of a line of more characters than this, the rest is told by its length. */
const longestLine = 2_000;

/** A line as it is printed: safe for a terminal, coloured, and cut where it is very long unless `full`. */
export function paintLine({ sign, parts }: Line, style: Style, full: boolean): string {
  let text = '';
  let left = full ? Number.POSITIVE_INFINITY : longestLine;
  let cut = 0;
  for (const part of parts) {
    const shown = escapeText(part.text.length > left ? part.text.slice(0, left) : part.text);
    cut += Math.max(0, part.text.length - left);
    left -= Math.min(left, part.text.length);
    text += part.marked ? style.marked(shown) : shown;
  }
  const rest = cut === 0 ? '' : style.faint(` … ${count(cut)} more characters (--full)`);
  if (sign === '+') return style.added(`+${text}`) + rest;
  if (sign === '-') return style.removed(`-${text}`) + rest;
  return sign === '@@' ? style.heading(sign) : `${sign}${text}${rest}`;
}

/** Most values of configuration end without a newline, on both sides: that is no difference worth a line of its own. */
function endLines(old: string, now: string): [string, string] {
  if (old.endsWith('\n') || now.endsWith('\n')) return [old, now];
  return [old === '' ? '' : `${old}\n`, now === '' ? '' : `${now}\n`];
}
