import { join } from 'node:path';
import { TreekeeperError } from '../errors.ts';
import { runGit } from './process.ts';
import { forgetRemote, trackingPlace } from './remote-memory.ts';
import { isRefName, type Repository } from './repository.ts';

/* Remotes as git itself keeps them in the configuration of a repository, so that `git push` and `git log` know them too. */

/** The URL of every remote by its name, as they stand there: nobody has looked at them yet. */
export async function readRemotes(repository: Repository): Promise<ReadonlyMap<string, string>> {
  const args = [...inConfig(repository), '--null', '--get-regexp', String.raw`^remote\..*\.url$`];
  const { stdout } = await runGit({ gitDir: repository.gitDir, args, accept: [1] });
  const remotes = new Map<string, string>();
  for (const setting of stdout.toString().split('\0')) {
    const [, name, url] = /^remote\.(.*)\.url\n(.*)$/s.exec(setting) ?? [];
    if (name !== undefined && url !== undefined) remotes.set(name, url);
  }
  return remotes;
}

/** Adds a remote. Throws `TreekeeperError('usage')` where there is one of that name. */
export async function addRemote(repository: Repository, name: string, url: string): Promise<void> {
  if ((await readRemotes(repository)).has(name)) {
    throw new TreekeeperError('usage', `there is a remote ${name} already`, {
      hint: `remove it first, with \`treekeeper remote remove ${name}\``,
    });
  }
  const set = (field: string, value: string) =>
    runGit({ gitDir: repository.gitDir, args: [...inConfig(repository), `remote.${name}.${field}`, value] });
  await set('url', url);
  await set('fetch', `+refs/heads/*:${trackingPlace(name)}/*`);
}

/** Forgets a remote with all that is known of it. Throws `TreekeeperError('usage')` where there is none of that name. */
export async function removeRemote(repository: Repository, name: string): Promise<void> {
  if (!(await readRemotes(repository)).has(name)) throw unknownRemote(name);
  await runGit({ gitDir: repository.gitDir, args: [...inConfig(repository), '--remove-section', `remote.${name}`] });
  await forgetRemote(repository, name);
}

export function unknownRemote(name: string): TreekeeperError {
  return new TreekeeperError('usage', `there is no remote ${name}`, {
    hint: '`treekeeper remote list` shows them, `treekeeper remote add NAME URL` adds one',
  });
}

/** Throws `TreekeeperError('usage')` on a name that could be an option, a path or an operator. */
export function checkRemoteName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && isRefName(name)) return name;
  throw new TreekeeperError('usage', `${JSON.stringify(name)} cannot be the name of a remote`, {
    hint: 'use letters, digits, dots, dashes and underscores, beginning with a letter or digit',
  });
}

/** Of this repository alone: no file that it includes, nothing of the user's. */
function inConfig({ commonDir }: Repository): string[] {
  return ['config', '--no-includes', '--file', join(commonDir, 'config')];
}
