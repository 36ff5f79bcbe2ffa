import { structuredPatch } from 'diff';
import { encodeJson } from '../snapshot/attributes.ts';
import { sameBytes, textOf } from '../snapshot/bytes.ts';
import { count } from '../snapshot/message.ts';
import type { Attributes } from '../snapshot/node.ts';
import { escapeText } from './key.ts';

/** One side of a change: `value` is `undefined` where its content is not at hand. */
interface Side {
  readonly value: Uint8Array | null | undefined;
  readonly attributes: Attributes | undefined;
}

/** A value of more bytes than this is told by its size: nobody reads its lines, and comparing them may take minutes. */
const longestValue = 1024 * 1024;

/** The lines that tell how a node differs: its value line by line where it is text, then its attributes. */
export function describeChange(before: Side | undefined, after: Side | undefined): string[] {
  return [...describeValue(before, after), ...describeAttributes(before?.attributes, after?.attributes)];
}

function describeValue(before: Side | undefined, after: Side | undefined): string[] {
  if (before && after && sameValue(before.value, after.value)) return [];
  const [old, now] = [readable(before), readable(after)];
  const lines = old === undefined || now === undefined ? [] : lineDiff(...endLines(old, now));
  return lines.length > 0 ? lines : [`${sizeOf(before)} → ${sizeOf(after)}`];
}

function sameValue(a: Side['value'], b: Side['value']): boolean {
  return a && b ? sameBytes(a, b) : a === null && b === null;
}

function describeAttributes(before: Attributes | undefined, after: Attributes | undefined): string[] {
  const text = (attributes: Attributes | undefined) =>
    attributes === undefined ? '' : Buffer.from(encodeJson(attributes)).toString();
  const lines = lineDiff(text(before), text(after));
  return lines.length > 0 ? ['attributes:', ...lines] : [];
}

/** Text to compare by lines; no node has none. `undefined` where only a size can be told. */
function readable(side: Side | undefined): string | undefined {
  if (side === undefined) return '';
  const { value } = side;
  return value && value.length <= longestValue && !value.includes(0) ? textOf(value) : undefined;
}

function sizeOf(side: Side | undefined): string {
  if (side === undefined) return 'nothing';
  const { value } = side;
  if (value === undefined) return 'a value that is not at hand';
  if (value === null) return 'no value';
  return textOf(value) === undefined || value.includes(0)
    ? `binary, ${count(value.length)} B`
    : `${count(value.length)} B`;
}

/** Most values of configuration end without a newline, on both sides: that is no difference worth a line of its own. */
function endLines(old: string, now: string): [string, string] {
  if (old.endsWith('\n') || now.endsWith('\n')) return [old, now];
  return [old === '' ? '' : `${old}\n`, now === '' ? '' : `${now}\n`];
}

function lineDiff(before: string, after: string): string[] {
  const { hunks } = structuredPatch('', '', before, after, undefined, undefined, { context: 3 });
  return hunks.flatMap((hunk, index) => (index > 0 ? ['@@', ...hunk.lines] : hunk.lines)).map(escapeText);
}
