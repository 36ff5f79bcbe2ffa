import type { Entry } from './walk.ts';

/**
 * What a restore would do about one node of the snapshot.
 * `create`: it is missing. `same`: it is there with the same content. `differs`: it is there with other content, which
 * is kept. `skipped`: it belonged to a running client. `refused`: the service cannot hold it. `unreadable`: whether it is
 * there could not be found out, so it is left alone.
 */
export type Verdict = (typeof verdicts)[number];

export const verdicts = ['create', 'same', 'differs', 'skipped', 'refused', 'unreadable'] as const;

export interface Step {
  readonly verdict: Verdict;
  /** The key in the service that is restored to. */
  readonly key: Uint8Array;
  /** The key, one character a byte, where it is at hand: of a million steps, making it anew is felt. */
  readonly name?: string;
  /** The node in the snapshot. */
  readonly entry: Entry;
  /** Why, for `skipped`, `refused` and `unreadable`. */
  readonly reason: string | undefined;
}

export type Plan = readonly Step[];

/** How many steps have each verdict. */
export function countVerdicts(plan: Plan): { readonly [verdict in Verdict]: number } {
  const counts = { create: 0, same: 0, differs: 0, skipped: 0, refused: 0, unreadable: 0 };
  for (const { verdict } of plan) counts[verdict] += 1;
  return counts;
}
