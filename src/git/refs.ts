import type { Oid } from '../snapshot/objects.ts';
import { runGit } from './process.ts';
import type { Repository } from './repository.ts';

/** git's name for "no object": the value of a ref that must not exist yet. */
const nothing = '0'.repeat(40);

/** Where the branch is now; `undefined` before its first commit. */
export async function readBranch({ gitDir, branch }: Repository): Promise<Oid | undefined> {
  const { status, stdout } = await runGit({ gitDir, args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${branch}^{commit}`], accept: [1] });
  return status === 0 ? stdout.toString().trim() : undefined;
}

/**
 * Moves the branch from one commit to another, atomically and durably. Answers false, and changes nothing, where the
 * branch was not at `from`. Throws `TreekeeperError('failed')` where git could not do it.
 */
export async function moveBranch(repository: Repository, from: Oid | undefined, to: Oid, message: string): Promise<boolean> {
  const { gitDir, branch } = repository;
  const args = ['update-ref', '-m', message, '--no-deref', '--end-of-options', branch, to, from ?? nothing];
  const { status } = await runGit({ gitDir, args, accept: [1, 128] });
  if (status === 0) return (await readBranch(repository)) === to;
  if ((await readBranch(repository)) !== from) return false;

  // Not a race: let git say what is wrong.
  await runGit({ gitDir, args });
  return (await readBranch(repository)) === to;
}
