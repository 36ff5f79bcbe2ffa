import { latin1 } from '../snapshot/paths.ts';
import type { Plan } from '../snapshot/plan.ts';

/**
 * The nodes which a plan creates and whose children carry numbers of so many digits. The service gave these out by a counter
 * of the node, which starts again when the node is created anew, so that new children can come before the restored ones.
 */
export function restartedCounters(plan: Plan, digits: number | undefined): Uint8Array[] {
  if (digits === undefined) return [];
  const numbered = new Set<string>();
  for (const { key } of plan) {
    const name = latin1(key);
    const slash = name.lastIndexOf('/');
    const end = name.slice(slash + 1).slice(-digits);
    if (end.length === digits && /^\d+$/.test(end)) numbered.add(slash === 0 ? '/' : name.slice(0, slash));
  }
  return plan.filter(({ verdict, key }) => verdict === 'create' && numbered.has(latin1(key))).map(({ key }) => key);
}
