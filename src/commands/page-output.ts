import { openPager, type Paged, pagerCommand } from '../report/pager.ts';
import type { Context } from './base.ts';

/** Leads the output of a verb through a pager, where it goes to a terminal and one is wanted. */
export function pageOutput(context: Context): Paged {
  const { stdout, stderr, env } = context;
  const command = 'isTTY' in stdout && stdout.isTTY ? pagerCommand(env) : undefined;
  if (command === undefined) return { stdout, stderr, finish: async () => {} };
  // Whoever leaves a pager has seen enough: as for `| head`, the work ends there, and is no failure.
  return openPager({ stdout, stderr }, command, env, () => process.exit(0));
}
