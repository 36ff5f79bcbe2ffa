import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import { shortOid } from '../snapshot/moment.ts';
import { openSnapshot, type Snapshot } from '../snapshot/walk.ts';
import { ancestry, isStore, type Moment, readMoment, type StoreMoment, storeHistory, storeTrees } from './history.ts';
import { beyond, unknownRevision, unknownStore } from './unknown.ts';
import { parseWhen, type When } from './when.ts';

/** A store as it was at one commit. */
export interface Located {
  readonly snapshot: Snapshot;
  readonly moment: Moment;
}

const grammar = /^(?<base>(?:[^~^@:]|@(?!\{))*)(?<steps>(?:~\d*|\^\d*|@\{[^}]*\})*)$/;
const step = /(?<operator>[~^])(?<number>\d*)|@\{(?<inner>[^}]*)\}/g;

/**
 * The commit that a revision names: a branch, tag or (abbreviated) id, `HEAD`, or nothing (or `latest`) for the tip of the
 * branch; then any of `~n` (n first parents back), `^n` (the n-th parent) and `@{date}` (the last commit at that time). A
 * date that is no name is one without `@{}` too. Throws `TreekeeperError('usage')` where there is no such commit, with
 * what may have been meant.
 */
export async function resolveRevision(reader: ObjectReader, repository: Repository, revision: string): Promise<Moment> {
  const { base = '', steps = '' } = grammar.exec(revision)?.groups ?? { base: revision };
  const isTip = base === '' || base === 'latest';
  const oid = await reader.resolve(isTip ? repository.branch : base);
  const when = oid === undefined && !isTip ? parseWhen(revision) : undefined;
  if (when) return atTime(reader, await resolveRevision(reader, repository, ''), when, revision);
  if (oid === undefined) throw await unknownRevision(reader, repository, isTip ? '' : base);

  let moment = await readMoment(reader, oid);
  for (const { groups } of steps.matchAll(step)) moment = await takeStep(reader, moment, groups ?? {}, revision);
  return moment;
}

/**
 * The snapshot that a revision names, of the store of that name; without a name, of the only store there is. `latest` is
 * the tip of the branch and `latest~n` the n-th snapshot of the store before it. The name of a store is its latest
 * snapshot, and takes the same `~n` and `@{}`, in which also a revision may stand: `zk-us@{v1}` is that store as it was
 * there. Throws `TreekeeperError('usage')` where there is no such commit or store, or a name is both.
 */
export async function locate(
  reader: ObjectReader,
  repository: Repository,
  revision: string,
  store?: string,
): Promise<Located> {
  const { base = '', steps = '' } = grammar.exec(revision)?.groups ?? { base: revision };
  const named = base === 'latest' ? store : await storeNamed(reader, repository, base, store);
  if (base !== 'latest' && named === undefined) {
    const moment = await resolveRevision(reader, repository, revision);
    return locateIn(reader, moment, store ?? (await onlyStore(reader, moment)), revision);
  }

  const tip = await resolveRevision(reader, repository, '');
  const name = named ?? (await onlyStore(reader, tip));
  const back = /^~(\d*)$/.exec(steps)?.[1];
  if (back !== undefined) return locateBack(reader, tip, name, back === '' ? 1 : Number(back));
  const [, inner] = /^@\{([^}]*)\}$/.exec(steps) ?? [];
  const isWithin = inner !== undefined && base !== 'latest' && !parseWhen(inner);
  const moment = await resolveRevision(reader, repository, isWithin ? inner : steps);
  return locateIn(reader, moment, name, revision);
}

/** What a revision names where no store need be told: the snapshot of one, or those of all stores at one commit. */
export interface LocatedStores {
  readonly moment: Moment;
  readonly snapshots: readonly Snapshot[];
  /** The store that was meant; `undefined` for all of them. */
  readonly store: string | undefined;
}

/** As `locate`, but for all stores of the commit where neither `store` nor the revision tells which. */
export async function locateStores(
  reader: ObjectReader,
  repository: Repository,
  revision: string,
  store?: string,
): Promise<LocatedStores> {
  const { base = '', steps = '' } = grammar.exec(revision)?.groups ?? { base: revision };
  const isLatest = base === 'latest';
  const named = isLatest ? store : ((await storeNamed(reader, repository, base, store)) ?? store);
  if (named !== undefined || (isLatest && steps.startsWith('~'))) {
    const { snapshot, moment } = await locate(reader, repository, revision, store);
    return { moment, snapshots: [snapshot], store: snapshot.store };
  }
  const moment = await resolveRevision(reader, repository, revision);
  const names = await listStores(reader, moment);
  const snapshots = await Promise.all(
    names.map(async (name) => (await locateIn(reader, moment, name, revision)).snapshot),
  );
  return { moment, snapshots, store: undefined };
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

/** The store that the first part of a revision names, if it names one rather than a commit. */
async function storeNamed(
  reader: ObjectReader,
  repository: Repository,
  base: string,
  store: string | undefined,
): Promise<string | undefined> {
  const tip = base === '' ? undefined : await reader.resolve(repository.branch);
  const tree = tip === undefined ? undefined : (await storeTrees(reader, await readMoment(reader, tip))).get(base);
  if (tree === undefined || !(await isStore(reader, tree))) return undefined;

  const [ref] = [...(await reader.refs()).keys()].filter(
    (name) => /^refs\/(?:tags|heads)\//.test(name) && name.replace(/^refs\/[^/]+\//, '') === base,
  );
  if (ref !== undefined) {
    throw new TreekeeperError('usage', `${base} is a store and a ${ref.startsWith('refs/tags/') ? 'tag' : 'branch'}`, {
      hint: `write ${ref} for the latter, or latest with --store ${base}`,
    });
  }
  if (store === undefined || store === base) return base;
  throw new TreekeeperError('usage', `${base} is another store than ${store}, which --store names`, {
    hint: 'leave --store away',
  });
}

async function locateIn(reader: ObjectReader, moment: Moment, store: string, revision: string): Promise<Located> {
  const tree = (await storeTrees(reader, moment)).get(store);
  if (tree === undefined) throw await unknownStore(reader, moment, store, revision);
  return { snapshot: await openSnapshot(store, tree, reader), moment };
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
  let count = 0;
  for await (const change of storeHistory(reader, moment, [store])) {
    if (count >= back && change.tree !== undefined)
      return { snapshot: await openSnapshot(store, change.tree, reader), moment: change };
    count += 1;
  }
  if (count === 0) throw await unknownStore(reader, moment, store, 'latest');
  throw new TreekeeperError('usage', `the store ${store} has no ${back} snapshots before its latest`, {
    hint: `it has ${count - 1}; \`treekeeper log --store ${store}\` lists them`,
  });
}

async function takeStep(
  reader: ObjectReader,
  moment: Moment,
  { operator, number = '', inner }: { readonly [name: string]: string | undefined },
  revision: string,
): Promise<Moment> {
  if (inner !== undefined) {
    const when = parseWhen(inner);
    if (when) return atTime(reader, moment, when, inner);
    throw new TreekeeperError('usage', `${inner} is not a date`, {
      hint: "write it as 2026-11-01, 2026-11-01T14:00:00Z, 'yesterday 14:00' or '2 hours ago'",
    });
  }

  const count = number === '' ? 1 : Number(number);
  if (operator === '^') {
    const parent = moment.commit.parents[count - 1];
    if (count === 0) return moment;
    if (parent !== undefined) return readMoment(reader, parent);
    throw new TreekeeperError(
      'usage',
      `${shortOid(moment.oid)} has ${moment.commit.parents.length} parents, and ${revision} asks for more`,
    );
  }
  let passed = 0;
  for await (const ancestor of ancestry(reader, moment)) if (passed++ === count) return ancestor;
  throw new TreekeeperError('usage', `the history does not reach back to ${revision}`, {
    hint: `there are ${passed - 1} commits before it; \`treekeeper log\` lists them`,
  });
}

/** The newest commit that is not younger than the end of a day, or a moment. */
async function atTime(reader: ObjectReader, moment: Moment, { end }: When, words: string): Promise<Moment> {
  let first = moment;
  for await (const ancestor of ancestry(reader, moment)) {
    if (ancestor.commit.committer.time * 1000 <= end) return ancestor;
    first = ancestor;
  }
  throw beyond(first, words);
}
