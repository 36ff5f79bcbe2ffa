import { formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import type { Style } from '../report/style.ts';
import { sameBytes } from '../snapshot/bytes.ts';
import { count } from '../snapshot/message.ts';
import { countVerdicts, type Plan, type Step, type Verdict, verdicts } from '../snapshot/plan.ts';
import { groupBySubtree, type Subtree } from '../snapshot/subtrees.ts';

/** What a verdict is called, in front of a key; the ones that are not told node by node have no word. */
export type Words = { readonly [verdict in Verdict]?: string };

/** Up to here every node is told on a line of its own; beyond, those of one verdict in so many groups by subtree. */
const mostLines = 50;
const mostGroups = 15;

const meanings: { readonly [verdict in Verdict]: keyof Style } = {
  create: 'added',
  same: 'faint',
  differs: 'changed',
  skipped: 'faint',
  refused: 'removed',
  unreadable: 'removed',
};

/**
 * Prints the steps that have a word: each on a line, or, where they are many and `full` was not asked for, grouped by
 * verdict and subtree. JSON has every step in any case.
 */
export function printSteps(plan: Plan, words: Words, printer: Printer, { full }: { full: boolean }): void {
  const counts = countVerdicts(plan);
  const told = verdicts.reduce((sum, verdict) => sum + (words[verdict] === undefined ? 0 : counts[verdict]), 0);
  const isLong = !full && told > mostLines;
  if (!isLong || printer.json) {
    for (const step of plan) {
      const { verdict, key, reason } = step;
      const line = printer.json || words[verdict] === undefined ? undefined : lineOf(verdict, { key, items: [step] });
      printer.print({ type: 'step', verdict, key, reason }, line);
    }
    return;
  }

  for (const verdict of Object.keys(words) as Verdict[]) {
    const steps = counts[verdict] === plan.length ? plan : plan.filter((step) => step.verdict === verdict);
    for (const group of groupBySubtree(steps, mostGroups)) printer.print({ type: 'group' }, lineOf(verdict, group));
  }
  printer.note('grouped by subtree, since they are many; --full tells every node');

  function lineOf(verdict: Verdict, group: Subtree<Step>): string {
    return printer.style[meanings[verdict]](`${words[verdict]}: ${describe(group)}`);
  }
}

/** `/app/db`, `/app and 12 nodes below it`, `12 nodes below /app`, with the reason where they have one. */
function describe({ key, items }: Subtree<Step>): string {
  const [first] = items;
  const reasons = new Set<string | undefined>();
  for (const { reason } of items) reasons.add(reason);
  const why =
    reasons.size > 1 ? ` (for ${reasons.size} reasons)` : first?.reason === undefined ? '' : ` (${first.reason})`;
  if (items.length === 1) return `${formatKey(key)}${why}`;
  const isIn = items.some((item) => sameBytes(item.key, key));
  const where =
    key.length === 0 ? `${count(items.length)} nodes` : `${count(items.length)} nodes below ${formatKey(key)}`;
  return `${isIn ? `${formatKey(key)} and ${count(items.length - 1)} nodes below it` : where}${why}`;
}
