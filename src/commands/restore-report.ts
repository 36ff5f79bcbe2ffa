import type { Done } from '../operations/restore.ts';
import { formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { count } from '../snapshot/message.ts';
import { countVerdicts, type Plan, type Verdict } from '../snapshot/plan.ts';

const words: { readonly [verdict in Verdict]: string } = {
  create: '+ create',
  same: '= same',
  differs: '! differs, kept',
  skipped: '. skipped',
  refused: 'x cannot be created',
  unreadable: '? cannot be read',
};

/** Every step that is not `same` on a line, then the counts. */
export function printPlan(plan: Plan, printer: Printer): void {
  for (const step of plan) {
    const { verdict, key, reason } = step;
    const line = `${words[verdict]}: ${formatKey(key)}${reason === undefined ? '' : ` (${reason})`}`;
    printer.print({ type: 'step', verdict, key, reason }, verdict === 'same' ? undefined : line);
  }
  const counts = countVerdicts(plan);
  const { create, same, differs, skipped, refused, unreadable } = counts;
  const rest = [`${count(create)} to create`, `${count(same)} same`, `${count(differs)} differ (kept)`];
  if (skipped > 0) rest.push(`${count(skipped)} skipped`);
  if (refused > 0) rest.push(`${count(refused)} cannot be created`);
  if (unreadable > 0) rest.push(`${count(unreadable)} cannot be read`);
  printer.print({ type: 'plan', ...counts }, `plan: ${rest.join(', ')}`);
}

type Counts = ReturnType<typeof countVerdicts>;

/** Tells what became of a plan while it is carried out. `finish` answers whether the service now holds all of it. */
export function openTally(
  plan: Counts,
  printer: Printer,
): {
  add(batch: readonly Done[]): void;
  unsettled(nodes: readonly { readonly key: Uint8Array; readonly reason: string }[]): void;
  finish(): boolean;
} {
  const tally = { created: 0, appeared: 0, differs: 0, failed: 0, unsettled: 0 };

  return {
    add(batch) {
      for (const { step, outcome } of batch) {
        const { key } = step;
        if (outcome.status === 'created') tally.created += 1;
        else if (outcome.status === 'failed') tally.failed += 1;
        else tally[outcome.same ? 'appeared' : 'differs'] += 1;
        printer.print({ type: 'outcome', key, ...outcome }, problem(formatKey(key), outcome));
      }
      printer.progress(`created ${count(tally.created)} of ${count(plan.create)} nodes`);
    },

    unsettled(nodes) {
      tally.unsettled = nodes.length;
      for (const { key, reason } of nodes) {
        printer.print(
          { type: 'unsettled', key, reason },
          `x created without its final ACL: ${formatKey(key)} (${reason})`,
        );
      }
    },

    finish() {
      const { created, appeared, failed, unsettled } = tally;
      const differs = plan.differs + tally.differs;
      const missing = failed + plan.refused;
      const rest = [
        `${count(created)} created`,
        `${count(plan.same + appeared)} were there already`,
        `${count(differs)} differ (kept)`,
      ];
      if (missing > 0) rest.push(`${count(missing)} could not be created`);
      if (plan.unreadable > 0) rest.push(`${count(plan.unreadable)} could not be read`);
      if (unsettled > 0) rest.push(`${count(unsettled)} lack their final ACL`);
      printer.print({ type: 'restore', ...plan, ...tally, differs }, `restore: ${rest.join(', ')}`);
      return differs + missing + unsettled + plan.unreadable === 0;
    },
  };
}

function problem(key: string, outcome: Done['outcome']): string | undefined {
  if (outcome.status === 'failed') return `x not created: ${key} (${outcome.reason})`;
  return outcome.status === 'exists' && !outcome.same
    ? `! appeared meanwhile with another value, kept: ${key}`
    : undefined;
}
