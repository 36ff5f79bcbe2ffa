import { reasonOf, TreekeeperError } from '../errors.ts';
import { pastLocks } from './lock-file.ts';
import { hasGit, reasonIn, requireGit } from './process.ts';
import type { Repository } from './repository.ts';
import { openSimpleGit } from './simple-git.ts';

/** Makes a bare repository in an empty directory: without templates, so without the hooks that they may hold. */
export async function initBare(directory: string, branch: string): Promise<void> {
  try {
    const git = openSimpleGit(directory);
    await git.init(true, ['--quiet', '--template=', '--object-format=sha1', `--initial-branch=${branch}`]);
    await git.addConfig('core.logAllRefUpdates', 'true');
  } catch (thrown) {
    throw new TreekeeperError('failed', `cannot make a repository at ${directory}: ${reasonOf(thrown).trim()}`, {
      cause: thrown,
    });
  }
}

/**
 * Lets git check every object and ref of the repository; with `connectivityOnly` that all objects are there, without reading
 * values. Answers what is wrong, one line each, or `undefined` where there is no git to ask.
 */
export async function fsck(
  { gitDir }: Repository,
  { connectivityOnly = false }: { connectivityOnly?: boolean } = {},
): Promise<string[] | undefined> {
  if (!(await hasGit())) return undefined;

  let output: string;
  try {
    output = await openSimpleGit(gitDir).raw([
      `--git-dir=${gitDir}`,
      'fsck',
      '--strict',
      '--no-dangling',
      '--no-progress',
      ...(connectivityOnly ? ['--connectivity-only'] : []),
    ]);
  } catch (thrown) {
    output = reasonOf(thrown);
  }
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('notice: '));
}

/**
 * Joins small packs into larger ones, each at least twice as large as the next, so that it costs little and seldom much,
 * and writes one index over all. Throws `TreekeeperError('failed')`. The caller holds the lock.
 */
export async function joinPacks(repository: Repository): Promise<void> {
  await run(repository, ['repack', '--geometric=2', '-d', '-q', '--write-midx']);
  await run(repository, ['pack-refs', '--all']);
}

/**
 * Makes one pack of all that refs and their logs lead to, and drops what nothing has led to for two weeks; the logs forget what
 * no ref leads to after 30 days, as git's own do. With `prune`, all of that is gone at once. Throws as `joinPacks`.
 */
export async function repack(repository: Repository, prune: boolean): Promise<void> {
  await run(repository, ['reflog', 'expire', '--all', ...(prune ? ['--expire-unreachable=now'] : [])]);
  const unreachable = prune ? ['-a'] : ['-A', '--unpack-unreachable=2.weeks.ago'];
  await run(repository, ['repack', ...unreachable, '-d', '-q', '--write-midx']);
  await run(repository, ['prune', `--expire=${prune ? 'now' : '2.weeks.ago'}`]);
  await run(repository, ['pack-refs', '--all']);
  await run(repository, ['commit-graph', 'write', '--reachable', '--no-progress']);
}

/** What git takes to find what is alike: of directories with 100,000 entries it would be half a gigabyte. */
const leanPacking = ['pack.windowMemory=32m', 'pack.deltaCacheSize=32m', 'pack.threads=2'];

async function run({ gitDir, commonDir }: Repository, args: readonly string[]): Promise<void> {
  await requireGit();
  try {
    await pastLocks(commonDir, () =>
      openSimpleGit(gitDir, { config: leanPacking }).raw([`--git-dir=${gitDir}`, ...args]),
    );
  } catch (thrown) {
    throw new TreekeeperError('failed', `git ${args[0]} failed: ${reasonIn(reasonOf(thrown))}`, { cause: thrown });
  }
}
