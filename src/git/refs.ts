import { join, posix } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { syncDirectory } from './durable.ts';
import { pastLocks } from './lock-file.ts';
import { runGit } from './process.ts';
import type { Repository } from './repository.ts';

/** git's name for "no object": the value of a ref that must not exist yet. */
const nothing = '0'.repeat(40);

/** One ref that is to move. `from` is what it has to be now, `undefined` for nothing; without the field it may be anything. */
export interface RefMove {
  /** In full: `refs/heads/main`. */
  readonly ref: string;
  readonly from?: Oid | undefined;
  /** `undefined` removes it. */
  readonly to: Oid | undefined;
}

/** Where the branch is now; `undefined` before its first commit. */
export function readBranch({ gitDir, branch }: Repository): Promise<Oid | undefined> {
  return readRef(gitDir, branch);
}

/** The id that a ref of exactly this full name holds, whether the object exists or not. */
export async function readRef(gitDir: string, name: string): Promise<Oid | undefined> {
  // a pattern without wildcards matches what is below it too: refs/tags/a is asked for, refs/tags/a/b is there
  return (await listRefs(gitDir, name)).get(name);
}

/** All refs of this name and below it, by their full names. */
export async function listRefs(gitDir: string, name: string): Promise<ReadonlyMap<string, Oid>> {
  const { stdout } = await runGit({ gitDir, args: ['for-each-ref', '--format=%(refname) %(objectname)', '--', name] });
  const refs = new Map<string, Oid>();
  for (const line of stdout.toString().split('\n')) {
    const [found, oid] = line.split(' ');
    if (found && oid) refs.set(found, oid);
  }
  return refs;
}

/** The commits that these are at, refs by their full names or ids; `undefined` for what names none that is here. */
export async function readCommits(gitDir: string, names: readonly string[]): Promise<(Oid | undefined)[]> {
  const input = names.map((name) => `${name}^{commit}\n`).join('');
  const { stdout } = await runGit({ gitDir, args: ['cat-file', '--batch-check=%(objectname)'], input });
  const lines = stdout.toString().split('\n');
  return names.map((_, index) => /^[0-9a-f]{40}$/.exec(lines[index] ?? '')?.[0]);
}

/**
 * Moves refs, all of them or none, durably. Waits for a git that holds one of them. Throws `TreekeeperError('failed')` where
 * git could not do it, and where one of them is not what it has to be.
 */
export async function moveRefs(
  { gitDir, commonDir }: Repository,
  moves: readonly RefMove[],
  message: string,
): Promise<void> {
  const lines = moves.map((move) => {
    const from = 'from' in move ? ` ${move.from ?? nothing}` : '';
    return move.to === undefined ? `delete ${move.ref}${from}` : `update ${move.ref} ${move.to}${from}`;
  });
  const input = ['start', ...lines, 'prepare', 'commit', ''].join('\n');
  // by standard input: git that is orphaned before it committed gives up, and takes its lock files along
  const args = ['update-ref', '-m', message, '--create-reflog', '--stdin'];
  await pastLocks(commonDir, () => runGit({ gitDir, args, input }));
  // git syncs the file that it renames, and no directory, those that it makes for it included
  const named = moves.filter(({ to }) => to).flatMap(({ ref }) => directoriesOf(ref));
  for (const directory of new Set(named.map((name) => join(commonDir, name)))) {
    await syncDirectory(directory).catch((cause) => {
      // A `git pack-refs` took the refs out of it in between.
      if (cause.code === 'ENOENT') return;
      throw new TreekeeperError('failed', `cannot make ${directory} durable: ${reasonOf(cause)}`, { cause });
    });
  }
}

/** `refs/heads` and `refs` for `refs/heads/main`. */
function directoriesOf(ref: string): string[] {
  const parent = posix.dirname(ref);
  return parent === '.' ? [] : [parent, ...directoriesOf(parent)];
}

/**
 * Moves the branch from one commit to another, atomically and durably. Answers false, and changes nothing, where the
 * branch was not at `from`. Throws `TreekeeperError('failed')` where git could not do it.
 */
export async function moveBranch(
  repository: Repository,
  from: Oid | undefined,
  to: Oid,
  message: string,
): Promise<boolean> {
  const { branch } = repository;
  try {
    await moveRefs(repository, [{ ref: branch, from, to }], message);
  } catch (thrown) {
    const now = await readBranch(repository);
    if (now !== from && now !== to) return false;
    throw thrown;
  }

  if (from === undefined || (await readBranch(repository)) !== from) return true;
  throw new TreekeeperError('failed', `git said that it moved ${branch}, and it did not`);
}
