import { encodeJson } from '../snapshot/attributes.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import { count } from '../snapshot/message.ts';
import type { Attributes } from '../snapshot/node.ts';
import { changedLines, compareLines, type Line, paintLine } from './lines.ts';
import type { Style } from './style.ts';
import { describeSize, readableText, type ShownValue } from './value.ts';

/** One side of a change. */
interface Side extends ShownValue {
  readonly attributes: Attributes | undefined;
}

/** How changes are shown. */
export interface Form {
  readonly style: Style;
  /** Nothing is cut short. */
  readonly full: boolean;
  /** JSON and YAML are compared by line, as any text is. */
  readonly byLine: boolean;
}

/** What is shown of one change, unless all of it is asked for. */
const mostLines = 400;

/**
 * The lines that tell how a node differs: its value, by path where it is JSON or YAML and by line where it is text, then
 * its attributes. What is left out is said.
 */
export async function describeChange(before: Side | undefined, after: Side | undefined, form: Form): Promise<string[]> {
  const lines = [...(await describeValue(before, after, form)), ...(await describeAttributes(before, after, form))];
  if (form.full || lines.length <= mostLines) return lines;
  return [...lines.slice(0, mostLines), form.style.faint(`… ${count(lines.length - mostLines)} more lines (--full)`)];
}

/** The same in short: `+1 -1` where it can be told by lines, else the sizes. */
export function summariseChange(before: Side | undefined, after: Side | undefined, style: Style): string {
  const lines = linesOf(before, after);
  if (!lines || lines.length === 0) {
    const isValue = !before || !after || !sameValue(before.value, after.value);
    return isValue ? sizes(before, after) : 'attributes';
  }
  const { added, removed } = changedLines(lines);
  return [added > 0 ? style.added(`+${count(added)}`) : '', removed > 0 ? style.removed(`-${count(removed)}`) : '']
    .filter((text) => text !== '')
    .join(' ');
}

async function describeValue(before: Side | undefined, after: Side | undefined, form: Form): Promise<string[]> {
  if (before && after && sameValue(before.value, after.value)) return [];
  const lines = linesOf(before, after);
  if (!lines || lines.length === 0) return [sizes(before, after)];

  const [old, now] = [textOf(before), textOf(after)];
  if (before && after && old !== undefined && now !== undefined && !form.byLine) {
    const { compareStructure } = await import('./structure.ts');
    const found = compareStructure(old, now, changedLines(lines));
    if (found) return [form.style.heading(found.heading), ...paint(found.lines, form)];
  }
  const { markWords } = await import('./words.ts');
  return paint(markWords(lines), form);
}

async function describeAttributes(before: Side | undefined, after: Side | undefined, form: Form): Promise<string[]> {
  const [old = '', now = ''] = [before, after].map((side) =>
    Buffer.from(encodeJson(side?.attributes ?? {})).toString(),
  );
  if (old === now) return [];
  const { comparePaths } = await import('./structure.ts');
  return [form.style.heading('attributes:'), ...paint(comparePaths(old, now), form)];
}

/** `undefined` where only sizes can be told. */
function linesOf(before: Side | undefined, after: Side | undefined): Line[] | undefined {
  const [old, now] = [textOf(before), textOf(after)];
  return old === undefined || now === undefined ? undefined : compareLines(old, now);
}

/** Text to compare by lines; no node has none. */
function textOf(side: Side | undefined): string | undefined {
  if (side === undefined) return '';
  return side.value ? readableText(side.value) : undefined;
}

function sameValue(a: Side['value'], b: Side['value']): boolean {
  return a && b ? sameBytes(a, b) : a === null && b === null;
}

function sizes(before: Side | undefined, after: Side | undefined): string {
  return `${describeSize(before)} → ${describeSize(after)}`;
}

function paint(lines: readonly Line[], { style, full }: Form): string[] {
  return lines.map((line) => paintLine(line, style, full));
}
