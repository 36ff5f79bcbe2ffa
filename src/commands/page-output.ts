import { openPager, type Paged, pagerCommand } from '../report/pager.ts';
import type { Context } from './base.ts';

/**
 * Leads the output of a verb that is for reading through a pager, where it goes to a terminal and one is `wanted`. Whoever
 * leaves a pager, or goes away as `| head` does, has seen enough: the work ends there, and is no failure.
 */
export function pageOutput(context: Context, wanted: boolean): Paged {
  const { stdout, stderr, env } = context;
  const end = () => process.exit(0);
  const command = wanted && 'isTTY' in stdout && stdout.isTTY ? pagerCommand(env) : undefined;
  if (command !== undefined) return openPager({ stdout, stderr }, command, env, end);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') end();
  });
  return { stdout, stderr, finish: async () => {} };
}
