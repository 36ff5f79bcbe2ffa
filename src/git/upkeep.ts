import { type SimpleGit, simpleGit } from 'simple-git';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { hardenedConfig, hardenedEnvironment, hasGit } from './process.ts';
import type { Repository } from './repository.ts';

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
 * Lets git check every object and ref of the repository. Answers what is wrong, one line each, or `undefined` where
 * there is no git to ask.
 */
export async function fsck({ gitDir }: Repository): Promise<string[] | undefined> {
  if (!(await hasGit())) return undefined;

  let output: string;
  try {
    output = await openSimpleGit(gitDir).raw([
      `--git-dir=${gitDir}`,
      'fsck',
      '--strict',
      '--no-dangling',
      '--no-progress',
    ]);
  } catch (thrown) {
    output = reasonOf(thrown);
  }
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('notice: '));
}

/** simple-git refuses settings that could run a program, and means ours, which keep programs from running, too. */
function openSimpleGit(baseDir: string): SimpleGit {
  const environment = hardenedEnvironment();
  return simpleGit({
    baseDir,
    config: [...hardenedConfig],
    allowEnvironment: Object.keys(environment),
    unsafe: {
      allowUnsafeHooksPath: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeTemplateDir: true,
      allowUnsafeAskPass: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeExec: true,
      allowUnsafeSshCommand: true,
    },
  }).env(environment);
}
