import { TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { runGit } from './process.ts';
import type { Repository } from './repository.ts';

/** git's name for "no object": the value of a ref that must not exist yet. */
const nothing = '0'.repeat(40);

/** Where the branch is now; `undefined` before its first commit. */
export function readBranch({ gitDir, branch }: Repository): Promise<Oid | undefined> {
  return readRef(gitDir, branch);
}

/** The id that a ref of exactly this full name holds, whether the object exists or not. */
export async function readRef(gitDir: string, name: string): Promise<Oid | undefined> {
  const { stdout } = await runGit({ gitDir, args: ['for-each-ref', '--format=%(refname) %(objectname)', '--', name] });
  for (const line of stdout.toString().split('\n')) {
    const [found, oid] = line.split(' ');
    // a pattern without wildcards matches what is below it too: refs/tags/a is asked for, refs/tags/a/b is there
    if (found === name) return oid;
  }
  return undefined;
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
  const { gitDir, branch } = repository;
  const input = `start\nupdate ${branch} ${to} ${from ?? nothing}\nprepare\ncommit\n`;
  try {
    // by standard input: git that is orphaned before it committed gives up, and takes its lock files along
    await runGit({ gitDir, args: ['update-ref', '-m', message, '--create-reflog', '--stdin'], input });
  } catch (thrown) {
    if ((await readBranch(repository)) !== from) return false;
    throw thrown;
  }

  if (from === undefined || (await readBranch(repository)) !== from) return true;
  throw new TreekeeperError('failed', `git said that it moved ${branch}, and it did not`);
}
