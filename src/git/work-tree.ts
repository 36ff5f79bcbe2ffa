import { reasonOf } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { type GitAnswer, runGit } from './process.ts';
import { type Repository, readHead } from './repository.ts';

/**
 * Lets the files of a work tree follow the branch, which just moved from one commit to another. Answers `undefined`
 * where there is nothing to do or it was done, else a sentence for the user. Local changes are never lost: where there
 * are any, nothing is touched. Filters that the repository's own configuration defines are never run.
 */
export async function followWorkTree(
  repository: Repository,
  from: Oid | undefined,
  to: Oid,
): Promise<string | undefined> {
  const { gitDir, workTree, branch } = repository;
  if (workTree === undefined || (await readHead(gitDir)) !== branch) return undefined;

  const git: Git = (accept, ...args) => runGit({ gitDir, args: [`--work-tree=${workTree}`, ...args], accept });
  const merge = ['read-tree', '-m', '-u', ...(from === undefined ? [] : [from]), to];
  const advice = (why: string) =>
    `the files in ${workTree} are still those of the snapshot before, because ${why}; ` +
    `bring them along with: git -C '${workTree}' ${merge.join(' ')}`;

  try {
    if (await hasFilters(git)) return advice('the repository defines filters, which are programs');
    if (!(await isClean(git, from))) return advice('some of them were changed');
    await git([], ...merge);
    return undefined;
  } catch (thrown) {
    return advice(reasonOf(thrown));
  }
}

type Git = (accept: readonly number[], ...args: string[]) => Promise<GitAnswer>;

/**
 * Filters of the user or the machine (git-lfs) are the user's own choice; those that came with the repository are not.
 */
async function hasFilters(git: Git): Promise<boolean> {
  const { stdout } = await git([], 'config', '--includes', '--show-scope', '--name-only', '--list');
  return /^(local|worktree)\s+filter\./im.test(stdout.toString());
}

/**
 * Whether the index is what `from` holds, and every file what the index says. Before the first commit the index is
 * empty.
 */
async function isClean(git: Git, from: Oid | undefined): Promise<boolean> {
  if (from === undefined) return (await git([], 'ls-files', '--cached')).stdout.length === 0;

  const refreshed = await git([1], 'update-index', '--refresh');
  const staged = await git(
    [1],
    'diff-index',
    '--cached',
    '--quiet',
    '--no-ext-diff',
    '--ignore-submodules',
    from,
    '--',
  );
  return refreshed.status === 0 && staged.status === 0;
}
