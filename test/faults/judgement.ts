import { exitCodes, TreekeeperError } from '../../src/errors.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { cli, finish, type Run } from '../commands/run.ts';
import { fill, node, type Store } from '../commands/stores.ts';
import type { History } from './history.ts';
import { contentOf, gitIn, reported, snapshotIn } from './live.ts';
import type { Strays } from './strays.ts';
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

/**
 * Whatever befalls a run within this process: it is done, or refused with words for its user, and nothing beside it fails
 * unseen. Answers whether it is done.
 */
export async function requireTold(
  { must }: Subject,
  strays: Strays,
  where: string,
  run: () => Promise<void>,
): Promise<boolean> {
  let isDone = false;
  try {
    await run();
    isDone = true;
  } catch (thrown) {
    must(thrown instanceof TreekeeperError, `${where}: ${thrown instanceof Error ? thrown.stack : thrown}`);
  }
  for (const stray of strays.take()) must(false, `${where}, or one beside it: ${stray}`);
  return isDone;
}

/** Whatever befalls a run: it ends in time, as the table of exit codes says, with words for its user. */
export function requireOrderly({ must }: Subject, { status, stderr }: Run, where: string): void {
  const known: readonly (number | null)[] = [0, ...Object.values(exitCodes)];
  must(status !== 137 && status !== null, `${where}: it hung, or was killed: ${stderr}`);
  must(status === 137 || known.includes(status), `${where}: the unknown exit code ${status}: ${stderr}`);
  must(!/defect|^\s+at /m.test(stderr), `${where}: a defect: ${stderr}`);
  must(status === 0 || status === 3 || /^treekeeper: /m.test(stderr), `${where}: ${status} without a word: ${stderr}`);
}

/** What a disturbed backup starts from, and what an undisturbed one makes of it: the commit before, and the tree. */
interface Expected {
  readonly before: string;
  readonly whole: string;
}

/** A backup of the store `s` that was disturbed has made a whole snapshot, or none and says so. */
export function requireAllOrNothing(
  subject: Subject,
  run: Run,
  path: string,
  { before, whole }: Expected,
  where: string,
): void {
  requireOrderly(subject, run, where);
  const isWhole = gitIn(path, 'rev-parse', 'main:s') === whole;
  subject.must(run.status === 0 || run.status === 15, `${where}: exit ${run.status}: ${run.stderr}`);
  subject.must(run.status !== 0 || isWhole, `${where}: exit 0, and another tree`);
  const isNew = gitIn(path, 'rev-parse', 'main') !== before;
  subject.must(run.status === 0 || !isNew, `${where}: exit ${run.status}, and a commit`);
  subject.count(run.status === 0 ? 'whole' : 'refused');
}

/**
 * The snapshot of a backup that ran between two changes of a history is what was there at one moment; where it says that it is
 * fuzzy, each of its nodes is what it was at some moment in between.
 */
export async function requireMoment(
  { must, count }: Subject,
  history: History,
  path: string,
  { commit, consistency }: ReturnType<typeof reported>[number],
  [first, last]: readonly [first: number, last: number],
): Promise<void> {
  const content = await snapshotIn(path, String(commit));
  const where = `from change ${first} to ${last}, ${consistency}`;
  count(String(consistency).replace(/ .*/, ''));
  if (/^fuzzy/.test(String(consistency))) {
    for (const problem of history.mismatches(content, first, last)) must(false, `${where}: ${problem}`);
  } else {
    must(history.passedThrough(content, first, last), `${where}: a state that never was`);
  }
}

/** Where a tree is restored to, with one node that was there before and differs. */
interface Target {
  readonly store: Pick<Store, 'open' | 'versionOf'>;
  readonly top: string;
  /** What is to be there in the end. */
  readonly wanted: ReadonlyMap<string, string>;
  readonly kept: string;
  /** The version of that node. */
  readonly version: string;
  /** The same restore, without a disturbance. */
  again(): Promise<Run>;
}

/** Puts a node that differs where a tree is to be restored. The tree has to have `d0/n100`. */
export async function prepareTarget(
  store: Target['store'],
  top: string,
  own: readonly Node[],
  again: () => Promise<Run>,
): Promise<Target> {
  const kept = `${top}/d0/n100`;
  await fill(store, [node(top, 'top'), node(`${top}/d0`, ''), node(kept, 'of another')]);
  const wanted = new Map(own.map((one) => [latin1(one.key), latin1(one.value ?? new Uint8Array())]));
  wanted.set(kept, 'of another');
  return { store, top, wanted, kept, again, version: await store.versionOf(kept) };
}

/** A restore that was disturbed has created what it says and overwritten nothing; the next run does the rest. */
export async function requireOnlyCreated(
  subject: Subject,
  run: Run,
  { store, top, wanted, kept, again, version }: Target,
  where: string,
): Promise<void> {
  requireOrderly(subject, run, where);
  subject.must(run.status === 3 || run.status === 15, `${where}: exit ${run.status}: ${run.stderr}`);
  const there = await contentOf(store, top);
  for (const [found, value] of there)
    subject.must(wanted.get(found) === value, `${where}: ${found} is not as in the snapshot`);
  for (const { key, status } of reported(run, 'outcome'))
    subject.must(status !== 'created' || there.has(String(key)), `${where}: created ${key}, it says`);
  if (run.status === 3) subject.must(there.size === wanted.size, `${where}: not all, and exit 3: ${run.stdout}`);

  const next = await again();
  subject.must(next.status === 3, `${where}: the next run: ${next.status} ${next.stderr}`);
  subject.must((await contentOf(store, top)).size === wanted.size, `${where}: the next run left some out`);
  subject.must((await store.versionOf(kept)) === version, `${where}: the node of another was written to`);
  subject.count(run.status === 3 ? 'whole' : 'broken off');
}

/** How many cases go on at once: most of a run is waiting for the next process to start. */
export const atOnce = 4;
