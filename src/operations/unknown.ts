import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import { ancestry, type Moment, readMoment, storeTrees } from './history.ts';
import { nearest } from './nearest.ts';

/* What a person is told who names a snapshot or a store that does not exist: what they may have meant. */

/** `name` names no commit; without a name, the branch has none. */
export async function unknownRevision(
  reader: ObjectReader,
  repository: Repository,
  name: string,
): Promise<TreekeeperError> {
  const { branch } = repository;
  const tip = await reader.resolve(branch);
  if (tip === undefined && (name === '' || name === 'HEAD')) {
    const heads = 'refs/heads/';
    const others = [...(await reader.refs()).keys()].filter((ref) => ref.startsWith(heads));
    const names = others.map((ref) => ref.slice(heads.length));
    return new TreekeeperError('usage', `the branch ${branch.replace(heads, '')} has no snapshot yet`, {
      // As in a remote that was made by `git init` and pushed to: its HEAD is what git calls a first branch.
      hint:
        names.length > 0
          ? `there are other branches: ${names.join(', ')}; name one in the place of latest, or make it HEAD with \`git symbolic-ref HEAD ${others[0]}\``
          : 'make one with `treekeeper backup SERVICE`',
    });
  }

  const names = [
    'latest',
    ...[...(await reader.refs()).keys()].map((ref) => ref.replace(/^refs\/(?:tags|heads|remotes)\//, '')),
  ];
  const latest = tip === undefined ? undefined : await readMoment(reader, tip);
  if (latest) names.push(...(await storeTrees(reader, latest)).keys());
  const ids = latest && /^[0-9a-f]{4,40}$/i.test(name) ? await nearestIds(reader, latest, name.toLowerCase()) : [];
  const meant = ids.length > 0 ? ids : nearest(name, names);
  return new TreekeeperError('usage', `there is no snapshot ${name}`, {
    hint: `${meant.length > 0 ? `did you mean ${meant.join(' or ')}? ` : ''}\`treekeeper log\` lists them`,
  });
}

/** The history does not reach back to a time; `first` is where it begins. */
export function beyond(first: Moment, words: string): TreekeeperError {
  const { oid, commit } = first;
  return new TreekeeperError('usage', `there is no snapshot as old as ${words}`, {
    hint: `the first one is ${shortOid(oid)}, of ${formatTime(commit.committer.time)}`,
  });
}

/** There is no store of that name at a moment. */
export async function unknownStore(
  reader: ObjectReader,
  moment: Moment,
  store: string,
  revision: string,
): Promise<TreekeeperError> {
  const names = [...(await storeTrees(reader, moment)).keys()];
  const meant = nearest(store, names);
  const hint =
    meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : `the stores there are: ${names.join(', ') || 'none'}`;
  return new TreekeeperError('usage', `there is no store ${store} in ${revision}`, { hint });
}

/** How many snapshots are looked through for an id that begins like a given one. */
const mostSearched = 10_000;
/** So many digits in common are no accident among so few. */
const fewestDigits = 4;

async function nearestIds(reader: ObjectReader, tip: Moment, digits: string): Promise<string[]> {
  let [found, longest, left]: [string[], number, number] = [[], fewestDigits, mostSearched];
  for await (const { oid } of ancestry(reader, tip)) {
    if (left-- === 0) break;
    let common = 0;
    while (common < digits.length && oid[common] === digits[common]) common += 1;
    if (common < longest) continue;
    if (common > longest) found = [];
    longest = common;
    if (found.length < 3) found.push(shortOid(oid));
  }
  return found;
}
