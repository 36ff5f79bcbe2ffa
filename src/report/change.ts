import { structuredPatch } from 'diff';
import { encodeJson } from '../snapshot/attributes.ts';
import { textOf } from '../snapshot/bytes.ts';
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
  return [
    ...describeValue(before?.value, after?.value, before !== undefined, after !== undefined),
    ...describeAttributes(before?.attributes, after?.attributes),
  ];
}

function describeValue(before: Side['value'], after: Side['value'], hadNode: boolean, hasNode: boolean): string[] {
  if (before && after && Buffer.compare(before, after) === 0) return [];
  if ((before ?? undefined) === undefined && (after ?? undefined) === undefined && before === after) return [];

  const [old, now] = [readable(before), readable(after)];
  if (old === undefined || now === undefined) return [`${sizeOf(before, hadNode)} → ${sizeOf(after, hasNode)}`];
  return lineDiff(old, now);
}

function describeAttributes(before: Attributes | undefined, after: Attributes | undefined): string[] {
  const text = (attributes: Attributes | undefined) => (attributes === undefined ? '' : Buffer.from(encodeJson(attributes)).toString());
  const lines = lineDiff(text(before), text(after));
  return lines.length > 0 ? ['attributes:', ...lines] : [];
}

/** Text to compare by lines; nothing counts as no lines. `undefined` where only the size can be told. */
function readable(value: Side['value']): string | undefined {
  if (value === null) return '';
  if (value === undefined || value.length > longestValue || value.includes(0)) return undefined;
  return textOf(value);
}

function sizeOf(value: Side['value'], exists: boolean): string {
  if (!exists) return 'nothing';
  if (value === undefined) return 'a value that is not at hand';
  if (value === null) return 'no value';
  return textOf(value) === undefined || value.includes(0) ? `binary, ${count(value.length)} B` : `${count(value.length)} B`;
}

function lineDiff(before: string, after: string): string[] {
  const { hunks } = structuredPatch('', '', before, after, undefined, undefined, { context: 3 });
  return hunks.flatMap((hunk, index) => (index > 0 ? ['@@', ...hunk.lines] : hunk.lines)).map(escapeText);
}
