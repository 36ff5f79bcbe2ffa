import { setTimeout as delay } from 'node:timers/promises';
import { type Run, startTreekeeper } from '../commands/run.ts';

/** A run that was perhaps ended before it had done everything: then its status is `null`. */
export async function killedRun(
  directory: string,
  args: readonly string[],
  env: { readonly [name: string]: string },
  after: number,
): Promise<Run> {
  const { pid, ended } = startTreekeeper(directory, args, env);
  const patience = new AbortController();
  await Promise.race([delay(after, undefined, { signal: patience.signal }).catch(() => {}), ended]);
  patience.abort();
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It had ended by then.
  }
  return ended;
}
