import { exitCodes } from '../../src/errors.ts';
import { cli, finish, type Run } from '../commands/run.ts';
import type { Subject } from './subject.ts';

/** In seconds. A run that is not over then hangs: its own deadline is much shorter, and the machine may be busy. */
const longest = 30;

/** Runs the built command line, and kills it where it hangs. */
export function runLimited(
  directory: string,
  args: readonly string[],
  env: { readonly [name: string]: string } = {},
): Promise<Run> {
  return finish(directory, ['timeout', '-s', 'KILL', String(longest), process.execPath, cli, ...args], env);
}

/** Whatever befalls a run: it ends in time, as the table of exit codes says, with words for its user. */
export function requireOrderly({ must }: Subject, { status, stderr }: Run, where: string): void {
  const known: readonly (number | null)[] = [0, ...Object.values(exitCodes)];
  must(status !== 137 && status !== null, `${where}: it hung, or was killed: ${stderr}`);
  must(status === 137 || known.includes(status), `${where}: the unknown exit code ${status}: ${stderr}`);
  must(!/defect|^\s+at /m.test(stderr), `${where}: a defect: ${stderr}`);
  must(status === 0 || status === 3 || /^treekeeper: /m.test(stderr), `${where}: ${status} without a word: ${stderr}`);
}

/** Does `run` for each of the cases, a few at a time. */
export async function inParallel<Case>(
  cases: readonly Case[],
  run: (one: Case, index: number) => Promise<void>,
): Promise<void> {
  const waiting = cases.entries();
  const work = async () => {
    for (const [index, one] of waiting) await run(one, index);
  };
  await Promise.all(Array.from({ length: 4 }, work));
}
