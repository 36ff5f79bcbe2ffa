import { countVerdicts, type Plan, type Verdict } from '../snapshot/plan.ts';
import { type PlanOptions, planRestore, type RestoreRequest } from './plan-restore.ts';

/**
 * Whether a service has every node of a snapshot, with the same value and attributes. `equal`: it has. `different`: some node
 * is missing or is not the same. `unknown`: nothing was found to differ, and some nodes could not be read.
 */
export interface Verification {
  readonly verdict: 'equal' | 'different' | 'unknown';
  /** Every node, parents first: `create` and `refused` are the missing ones, with the reason where the service could not hold it. */
  readonly steps: Plan;
  readonly counts: { readonly [verdict in Verdict]: number };
}

/**
 * Holds a service against a snapshot, node by node. Nodes that belonged to running clients are skipped, and what the service
 * has beside is not looked at. Throws as `planRestore` does.
 */
export async function verify(request: RestoreRequest, options: PlanOptions = {}): Promise<Verification> {
  const { steps } = await planRestore(request, options);
  const counts = countVerdicts(steps);
  const { create, refused, differs, unreadable } = counts;
  const verdict = create + refused + differs > 0 ? 'different' : unreadable > 0 ? 'unknown' : 'equal';
  return { verdict, steps, counts };
}
