import { Command, Option } from 'clipanion';
import { type ErrorCode, exitCodes, TreekeeperError } from '../errors.ts';
import type { Drift, RemoteStatus, StoreStatus } from '../operations/status.ts';
import { escapeText } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { duration } from '../report/rate.ts';
import { count, countOf } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

/** What is not as it should be, and the exit status that says so. */
interface Problem {
  readonly code: ErrorCode;
  readonly what: string;
}

/** The first of these that occurs is the exit status. */
const gravest: readonly ErrorCode[] = ['unreachable', 'incomplete', 'push', 'differences'];

export class StatusCommand extends BaseCommand {
  static override paths = [['status']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'tell of every store how old and how good its last snapshot is, and what the remotes lack',
    details: `
      A service that does not change gives no new snapshots; the age that counts is the time since the store was last known to
      be as its service was: when its last snapshot was made, or when a later backup on this host found nothing to change.

      No service and no remote is asked. With --live the services of treekeeper.yaml are read, as a backup would read them, and
      it is told what a backup would change.

      Exit status: 0 all is well; 3 a last snapshot is incomplete, older than --max-age or missing; 4 a service is not as in
      its last snapshot (--live); 6 a remote that every backup is pushed to lacks snapshots; 15 a service cannot be read
      (--live). Of several, the first of 15, 3, 6, 4.
    `,
    examples: [
      ['How are the backups?', '$0 status'],
      ['For monitoring: is every store backed up at least every two hours?', '$0 status --max-age 2h --json'],
      ['Has anything changed since?', '$0 status --live'],
    ],
  });

  maxAge = Option.String('--max-age', { description: 'Exit with 3 where a store is older: 90s, 30m, 2h, 1d or 1w' });
  live = Option.Boolean('--live', false, { description: 'Read the services, and tell what changed since' });

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const [{ openForReading }, { remoteStatuses, storeStatuses }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/status.ts'),
    ]);
    const maxAge = this.maxAge === undefined ? Number.POSITIVE_INFINITY : seconds(this.maxAge);
    await using opened = await openForReading(repositoryPath, surroundings);
    const [stores, remotes] = await Promise.all([
      storeStatuses(opened, surroundings, { live: this.live, signal }),
      remoteStatuses(opened, repositoryPath, surroundings),
    ]);

    const now = Date.now() / 1000;
    const problems = [
      ...stores.flatMap((status) => tellStore(status, { now, maxAge }, printer)),
      ...tellRemotes(remotes, printer),
    ];
    if (stores.length === 0) printer.note('there is no store yet; `treekeeper backup SERVICE` makes one');
    if (!remotes)
      printer.note('what remotes lack cannot be told here: there is no git binary, or this is a remote itself');
    printer.print({ type: 'status', problems: problems.length }, undefined);
    const code = gravest.find((grave) => problems.some((problem) => problem.code === grave));
    return code === undefined ? undefined : exitCodes[code];
  }
}

const units: { readonly [unit: string]: number } = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };

function seconds(text: string): number {
  const { number, unit = '' } = /^(?<number>\d+(?:\.\d+)?)(?<unit>[a-z]+)$/.exec(text)?.groups ?? {};
  const size = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (number !== undefined && size !== undefined) return Number(number) * size;
  throw new TreekeeperError('usage', `--max-age ${text} is no time`, { hint: 'write it as 90s, 30m, 2h, 1d or 1w' });
}

function tellStore(
  { store, last, drift }: StoreStatus,
  { now, maxAge }: { readonly now: number; readonly maxAge: number },
  printer: Printer,
): Problem[] {
  const problems = driftProblems(drift);
  if (!last) problems.push({ code: 'incomplete', what: 'was never backed up' });
  const age = last && Math.max(0, Math.round(now - last.confirmed));
  if (age !== undefined && age > maxAge)
    problems.push({ code: 'incomplete', what: `is older than ${duration(maxAge)}` });
  if (last && !last.complete) {
    const what = last.unreadable > 0 ? `${count(last.unreadable)} nodes could not be read` : 'it may lack nodes';
    problems.push({ code: 'incomplete', what: `is incomplete: ${what}` });
  }
  const { style } = printer;
  const text = [
    ...(last && age !== undefined ? lastLines(last, { now, age }) : []),
    ...(drift && !('error' in drift) && problems.every(({ code }) => code !== 'differences') ? ['no drift'] : []),
    ...problems.map(({ what }) => style.removed(`! ${what}`)),
  ];
  printer.print(
    {
      ...{ type: 'store', store, ...last },
      ...(last && { time: isoDate(last.time), confirmed: isoDate(last.confirmed) }),
      ...{ age, drift, problems: problems.map(({ what }) => what) },
    },
    [style.strong(store), ...text.map((line) => `  ${line}`)].join('\n'),
  );
  return problems;
}

function lastLines(
  last: NonNullable<StoreStatus['last']>,
  { now, age }: { readonly now: number; readonly age: number },
): string[] {
  const made = `snapshot ${last.commit.slice(0, 10)}, ${duration(now - last.time)} old`;
  const confirmed = last.confirmed > last.time ? `, found unchanged ${duration(age)} ago` : '';
  const skipped = [...last.skipped].map(([reason, number]) => `${count(number)} ${reason}`);
  const parts = [last.nodes === undefined ? [] : `${count(last.nodes)} nodes`, last.consistency ?? []].flat();
  if (skipped.length > 0) parts.push(`skipped: ${skipped.join(', ')}`);
  return [made + confirmed, escapeText(parts.join(', '))].filter((line) => line !== '');
}

function driftProblems(drift: Drift | undefined): Problem[] {
  if (!drift) return [];
  if ('error' in drift) {
    const code = drift.code === 'incomplete' ? 'incomplete' : 'unreachable';
    return [{ code, what: `drift cannot be told: ${drift.error}` }];
  }
  const { added, changed, removed, unreadable } = drift;
  const problems: Problem[] = [];
  if (unreadable > 0) problems.push({ code: 'incomplete', what: `${count(unreadable)} nodes cannot be read now` });
  if (added + changed + removed > 0) {
    const counts = `${count(added)} added, ${count(changed)} changed, ${count(removed)} removed`;
    problems.push({ code: 'differences', what: `drift: ${counts}` });
  }
  return problems;
}

/** Without a git binary it is not known what they lack; that is no fault of the backups. */
function tellRemotes(remotes: RemoteStatus[] | TreekeeperError | undefined, printer: Printer): Problem[] {
  if (!(remotes instanceof TreekeeperError)) return (remotes ?? []).flatMap((status) => tellRemote(status, printer));
  printer.warn(`what the remotes lack cannot be told: ${remotes.message}`);
  return [];
}

function tellRemote({ remote, url, problem, push, unpushed }: RemoteStatus, printer: Printer): Problem[] {
  const lacks = unpushed === 0 ? 'has everything' : `lacks ${countOf(unpushed, 'commit')}`;
  const state = problem === undefined ? lacks : `${lacks}; ${problem}`;
  const isBad = push && (unpushed > 0 || problem !== undefined);
  const line = `  ${isBad ? '! ' : ''}${state}`;
  printer.print(
    { type: 'remote', remote, url, problem, push, unpushed },
    `${printer.style.strong(`remote ${remote}`)}${url === undefined ? '' : ` ${url}`}\n${isBad ? printer.style.removed(line) : line}`,
  );
  return isBad ? [{ code: 'push', what: `${remote} ${state}` }] : [];
}

function isoDate(time: number): string {
  return new Date(time * 1000).toISOString();
}
