import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import { openSnapshot, type Snapshot } from '../snapshot/walk.ts';
import { ancestry, isStore, type Moment, readMoment, type StoreMoment, storeHistory, storeTrees } from './history.ts';

/** A store as it was at one commit. */
export interface Located {
  readonly snapshot: Snapshot;
  readonly moment: Moment;
}

const grammar = /^(?<base>(?:[^~^@:]|@(?!\{))*)(?<steps>(?:~\d*|\^\d*|@\{[^}]*\})*)$/;
const step = /(?<operator>[~^])(?<number>\d*)|@\{(?<date>[^}]*)\}/g;

/**
 * The commit that a revision names: a branch, tag or (abbreviated) id, `HEAD`, or nothing for the tip of the branch;
 * then any of `~n` (n first parents back), `^n` (the n-th parent) and `@{date}` (the last commit at that time).
 * Throws `TreekeeperError('usage')` where there is no such commit.
 */
export async function resolveRevision(reader: ObjectReader, repository: Repository, revision: string): Promise<Moment> {
  const { base = '', steps = '' } = grammar.exec(revision)?.groups ?? { base: revision };
  const oid = await reader.resolve(base === '' ? repository.branch : base);
  if (oid === undefined) throw unknown(revision, repository, base);

  let moment: Moment | undefined = await readMoment(reader, oid);
  for (const { groups } of steps.matchAll(step)) {
    moment = await takeStep(reader, moment, groups ?? {});
    if (!moment) throw new TreekeeperError('usage', `the history does not reach back to ${revision}`);
  }
  return moment;
}

/**
 * The snapshot that a revision names, of the store of that name; without a name, of the only store there is. `latest`
 * is the tip of the branch and `latest~n` the n-th snapshot of the store before it.
 * Throws `TreekeeperError('usage')` where there is no such commit or store.
 */
export async function locate(
  reader: ObjectReader,
  repository: Repository,
  revision: string,
  store?: string,
): Promise<Located> {
  const latest = /^latest(?<steps>~(?<back>\d*))?$/.exec(revision);
  const moment = await resolveRevision(reader, repository, latest ? '' : revision);
  const name = store ?? (await onlyStore(reader, moment));
  const { steps, back = '' } = latest?.groups ?? {};
  if (steps !== undefined) return locateBack(reader, moment, name, back === '' ? 1 : Number(back));

  const tree = (await storeTrees(reader, moment)).get(name);
  if (tree === undefined) {
    const names = [...(await storeTrees(reader, moment)).keys()].join(', ') || 'none';
    throw new TreekeeperError('usage', `there is no store ${name} in ${revision}`, {
      hint: `the stores there are: ${names}`,
    });
  }
  return { snapshot: await openSnapshot(name, tree, reader), moment };
}

/** The last moment up to `moment` in which the store's tree became what it is there: whose message tells of it. */
export async function lastChange(
  reader: ObjectReader,
  moment: Moment,
  store: string,
): Promise<StoreMoment | undefined> {
  for await (const change of storeHistory(reader, moment, [store])) return change;
  return undefined;
}

/** The names of the stores at a moment. */
export async function listStores(reader: ObjectReader, moment: Moment): Promise<string[]> {
  const names: string[] = [];
  for (const [name, tree] of await storeTrees(reader, moment)) if (await isStore(reader, tree)) names.push(name);
  return names;
}

async function onlyStore(reader: ObjectReader, moment: Moment): Promise<string> {
  const names = await listStores(reader, moment);
  const [name] = names;
  if (name === undefined) {
    throw new TreekeeperError('usage', 'the repository holds no snapshot yet', {
      hint: 'make one with `treekeeper backup SERVICE`',
    });
  }
  if (names.length > 1) {
    throw new TreekeeperError('usage', 'the repository has more than one store', {
      hint: `name one with --store: ${names.join(', ')}`,
    });
  }
  return name;
}

async function locateBack(reader: ObjectReader, moment: Moment, store: string, back: number): Promise<Located> {
  let left = back;
  for await (const change of storeHistory(reader, moment, [store])) {
    if (left === 0 && change.tree !== undefined)
      return { snapshot: await openSnapshot(store, change.tree, reader), moment: change };
    left -= 1;
  }
  throw new TreekeeperError('usage', `the store ${store} has no ${back} snapshots before its latest`);
}

async function takeStep(
  reader: ObjectReader,
  moment: Moment,
  { operator, number = '', date }: { readonly [name: string]: string | undefined },
): Promise<Moment | undefined> {
  if (date !== undefined) return atTime(reader, moment, date);

  const count = number === '' ? 1 : Number(number);
  if (operator === '^') {
    const parent = moment.commit.parents[count - 1];
    return count === 0 ? moment : parent === undefined ? undefined : readMoment(reader, parent);
  }
  let left = count;
  for await (const ancestor of ancestry(reader, moment)) if (left-- === 0) return ancestor;
  return undefined;
}

/** The newest commit that is not younger than `date`. A date without a time means the end of that day, local time. */
async function atTime(reader: ObjectReader, moment: Moment, date: string): Promise<Moment | undefined> {
  const time = Date.parse(/^\d{4}-\d\d-\d\d$/.test(date) ? `${date}T23:59:59.999` : date);
  if (Number.isNaN(time)) {
    throw new TreekeeperError('usage', `${date} is not a date`, {
      hint: 'write it as 2026-11-01 or 2026-11-01T14:00:00Z',
    });
  }
  for await (const ancestor of ancestry(reader, moment))
    if (ancestor.commit.committer.time * 1000 <= time) return ancestor;
  return undefined;
}

function unknown(revision: string, { branch }: Repository, base: string): TreekeeperError {
  if (base === '' || base === 'HEAD') {
    return new TreekeeperError('usage', `the branch ${branch.replace('refs/heads/', '')} has no snapshot yet`, {
      hint: 'make one with `treekeeper backup SERVICE`',
    });
  }
  return new TreekeeperError('usage', `there is no snapshot ${revision}`, { hint: '`treekeeper log` lists them' });
}
