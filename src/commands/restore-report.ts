import type { Done } from '../operations/restore.ts';
import { formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { countRate } from '../report/rate.ts';
import { count } from '../snapshot/message.ts';
import { countVerdicts, type Plan } from '../snapshot/plan.ts';
import { printSteps, type Words } from './plan-report.ts';

const words: Words = {
  create: '+ create',
  differs: '! differs, kept',
  skipped: '. skipped',
  refused: 'x cannot be created',
  unreadable: '? cannot be read',
};

/** What a restore would do about every node that is not `same`, then the counts. */
export function printPlan(plan: Plan, printer: Printer, options: { full: boolean }): Counts {
  printSteps(plan, words, printer, options);
  const counts = countVerdicts(plan);
  const { create, same, differs, skipped, refused, unreadable } = counts;
  const rest = [`${count(create)} to create`, `${count(same)} same`, `${count(differs)} differ (kept)`];
  if (skipped > 0) rest.push(`${count(skipped)} skipped`);
  if (refused > 0) rest.push(`${count(refused)} cannot be created`);
  if (unreadable > 0) rest.push(`${count(unreadable)} cannot be read`);
  printer.print({ type: 'plan', ...counts }, printer.style.strong(`plan: ${rest.join(', ')}`));
  return counts;
}

export type Counts = ReturnType<typeof countVerdicts>;

/** Tells what becomes of a plan while it is carried out. */
export interface Tally {
  add(batch: readonly Done[]): void;
  unsettled(nodes: readonly { readonly key: Uint8Array; readonly reason: string }[]): void;
  /** Answers whether the service now holds all of it. */
  finish(): boolean;
  /** For a run that broke off: how far it came. */
  breakOff(): void;
}

export function openTally(plan: Counts, printer: Printer): Tally {
  const tally = { created: 0, appeared: 0, differs: 0, failed: 0, unsettled: 0 };
  const onProgress = countRate('created', printer.progress, plan.create);

  return {
    add(batch) {
      for (const { step, outcome } of batch) {
        const { key } = step;
        if (outcome.status === 'created') tally.created += 1;
        else if (outcome.status === 'failed') tally.failed += 1;
        else tally[outcome.same ? 'appeared' : 'differs'] += 1;
        printer.print({ type: 'outcome', key, ...outcome }, problem(key, outcome));
      }
      onProgress(tally.created);
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
      report(true, differs, `restore: ${rest.join(', ')}`);
      return differs + missing + unsettled + plan.unreadable === 0;
    },

    breakOff() {
      const { created, appeared, failed } = tally;
      const done = created + appeared + tally.differs + failed;
      // Of the nodes that were under way the service may have created some, and said so to nobody.
      const text = `restore: broke off after ${count(done)} of ${count(plan.create)} nodes, ${count(created)} created`;
      report(false, plan.differs + tally.differs, `${text}, and perhaps some of those that were under way`);
    },
  };

  function report(complete: boolean, differs: number, text: string): void {
    printer.progress('');
    printer.print({ type: 'restore', complete, ...plan, ...tally, differs }, text);
  }
}

function problem(key: Uint8Array, outcome: Done['outcome']): string | undefined {
  if (outcome.status === 'failed') return `x not created: ${formatKey(key)} (${outcome.reason})`;
  return outcome.status === 'exists' && !outcome.same
    ? `! appeared meanwhile with another value, kept: ${formatKey(key)}`
    : undefined;
}
