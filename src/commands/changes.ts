import { type Comparison, sideReader } from '../operations/diff.ts';
import type { Decryptor } from '../operations/lazy-decryptor.ts';
import { describeChange, summariseChange } from '../report/change.ts';
import { changeLine } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { kindOf } from '../snapshot/diff.ts';
import { type Counts, count } from '../snapshot/message.ts';

/** How much of a comparison is printed. */
export interface ChangesForm {
  /** Only counted; the keys; how many lines changed; the values. */
  readonly detail: 'none' | 'keys' | 'stat' | 'values';
  readonly full: boolean;
  readonly byLine: boolean;
  /** What every line of text begins with. */
  readonly indent: string;
}

/** Changes with values that are printed as text, unless all are asked for. JSON is for programs, and is never cut. */
const mostChanges = 1_000;

/** Prints the changes of a comparison, in the order of their keys, and counts them. */
export async function printChanges(
  { before, after, changes }: Comparison,
  printer: Printer,
  { detail, full, byLine, indent }: ChangesForm,
  decryptor: Decryptor | undefined,
): Promise<Counts> {
  const counts = { added: 0, changed: 0, removed: 0 };
  for (const change of changes) counts[kindOf(change)] += 1;
  if (detail === 'none') return counts;

  const { style, json } = printer;
  const readBefore = before && sideReader(before.snapshot, decryptor);
  const readAfter = after && sideReader(after.snapshot, decryptor);
  const most = full || json || detail === 'keys' ? changes.length : mostChanges;
  for (const change of changes.slice(0, most)) {
    const kind = kindOf(change);
    const line = indent + style[kind](changeLine(change));
    if (detail === 'keys') {
      printer.print({ type: 'change', change: kind, key: change.key }, line);
      continue;
    }
    const was = change.before && (await readBefore?.(change.before));
    const is = change.after && (await readAfter?.(change.after));
    // Both sides of a node, each with its value and attributes; a side is absent where the node is, and so is a value that is not at hand.
    const report = { type: 'change', change: kind, key: change.key, before: was, after: is };
    if (json) printer.print(report, undefined);
    else if (detail === 'stat') printer.print(report, `${line}  ${summariseChange(was, is, style)}`);
    else {
      const lines = await describeChange(was, is, { style, full, byLine });
      printer.print(report, [line, ...lines.map((text) => `${indent}    ${text}`)].join('\n'));
    }
  }
  if (most < changes.length)
    printer.print(
      { type: 'more' },
      `${indent}… and ${count(changes.length - most)} more changes (--full, or --name-only)`,
    );
  return counts;
}

/** `1 added, 2 changed, 0 removed`. */
export function summaryLine({ added, changed, removed }: Counts): string {
  return `${count(added)} added, ${count(changed)} changed, ${count(removed)} removed`;
}
