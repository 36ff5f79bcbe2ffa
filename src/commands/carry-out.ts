import { TreekeeperError } from '../errors.ts';
import type { RestorePlan, RestoreRequest } from '../operations/plan-restore.ts';
import { applyPlan } from '../operations/restore.ts';
import { count } from '../snapshot/message.ts';
import type { Context, Session } from './base.ts';
import { canAsk, confirm } from './confirm.ts';
import { type Counts, openTally } from './restore-report.ts';

/** How many nodes are created without a question, unless told otherwise. */
const defaultLimit = 100;

export interface Undertaking {
  readonly plan: RestorePlan;
  readonly counts: Counts;
  readonly service: RestoreRequest['service'];
  /** The service as people know it. */
  readonly source: string;
  /** As given: `--yes`, and `--confirm-above`. */
  readonly yes: boolean;
  readonly confirmAbove: string | undefined;
}

/**
 * Carries out a plan that was printed, after a question where it creates many nodes and somebody is there to answer. Answers
 * whether the service then holds all of it; however it ends, it is told how far it came.
 */
export async function carryOut(undertaking: Undertaking, session: Session, context: Context): Promise<boolean> {
  const { plan, counts, service } = undertaking;
  const { printer, signal } = session;
  await askFirst(undertaking, session, context);
  const tally = openTally(counts, printer);
  try {
    tally.unsettled(await applyPlan(plan, service, { signal, onDone: tally.add }));
  } catch (thrown) {
    tally.breakOff();
    throw thrown;
  }
  return tally.finish();
}

/**
 * Where nobody can be asked, a restore goes on: it creates what is missing and nothing else, and a script that stopped
 * where much is lost would stop when it is needed most. A number that was given is then a limit. Throws
 * `TreekeeperError('usage')` there.
 */
async function askFirst(undertaking: Undertaking, { surroundings, printer }: Session, context: Context): Promise<void> {
  const { counts, source, yes, confirmAbove } = undertaking;
  const given = confirmAbove === undefined ? surroundings.config?.confirmAbove : numberIn(confirmAbove);
  if (yes || counts.create <= (given ?? defaultLimit)) return;
  const what = `create ${count(counts.create)} nodes in ${source}`;
  // Whoever is asked shall have seen the whole plan.
  printer.flush();
  if (canAsk(context)) return confirm(`${what}?`, context);
  if (given === undefined) return;
  throw new TreekeeperError('usage', `to ${what} needs a confirmation, and there is no terminal to ask on`, {
    hint: `nothing was created; give --yes, or a higher number than ${given} with --confirm-above`,
  });
}

function numberIn(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new TreekeeperError('usage', `--confirm-above ${text} is not a number of nodes`);
}
