import type { Config, RemoteConfig } from '../config/config.ts';
import { type Environment, readToken } from '../config/credentials.ts';
import { TreekeeperError } from '../errors.ts';
import { readBranch } from '../git/refs.ts';
import { addRemote, checkRemoteName, readRemotes, unknownRemote } from '../git/remote-config.ts';
import { formatRemoteUrl, parseRemoteUrl, type RemoteUrl } from '../git/remote-url.ts';
import type { Repository } from '../git/repository.ts';
import { listRemote, pushBranch, type RemoteAccess } from '../git/transport.ts';
import type { Surroundings } from './connect.ts';

/** A storage target, ready to be asked. */
export interface Remote {
  readonly name: string;
  readonly url: RemoteUrl;
  readonly access: RemoteAccess;
  /** Every backup is pushed there. */
  readonly push: boolean;
  /** It is known that values go there in clear. */
  readonly unencryptedAccepted: boolean;
}

/**
 * The remotes of the configuration and those of the repository, by name; the configuration's where both have one. Throws
 * `TreekeeperError('usage')` on a URL or name that is not safe to use, and where a secret that one refers to is not there.
 */
export async function listRemotes(repository: Repository, surroundings: Surroundings): Promise<Remote[]> {
  const remotes = new Map<string, Remote>();
  for (const [name, url] of await readRemotes(repository)) {
    remotes.set(name, openRemote({ name, url }, repository.gitDir, surroundings));
  }
  const { config } = surroundings;
  for (const remote of config?.remotes ?? [])
    remotes.set(remote.name, openRemote(remote, directoryOf(config), surroundings));
  return [...remotes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The remotes of these names; throws `TreekeeperError('usage')` where there is none of one of them. */
export async function findRemotes(
  repository: Repository,
  names: readonly string[],
  surroundings: Surroundings,
): Promise<Remote[]> {
  const remotes = await listRemotes(repository, surroundings);
  return names.map((name) => {
    const found = remotes.find((remote) => remote.name === name);
    if (!found) throw unknownRemote(name);
    return found;
  });
}

/** The name of the only remote there is. Throws `TreekeeperError('usage')` where there are several, or none. */
export async function onlyRemote(repository: Repository, surroundings: Surroundings): Promise<string> {
  const [remote, ...others] = await listRemotes(repository, surroundings);
  if (remote && others.length === 0) return remote.name;
  throw new TreekeeperError('usage', remote ? 'there are several remotes' : 'there is no remote', {
    hint: remote
      ? `name one of them: ${[remote, ...others].map(({ name }) => name).join(', ')}`
      : 'add one with `treekeeper remote add NAME URL`, or in treekeeper.yaml',
  });
}

/** Keeps a remote in the repository. Answers its URL as it is kept. Throws `TreekeeperError('usage')`. */
export async function addRemoteAt(
  repository: Repository,
  name: string,
  url: string,
  surroundings: Surroundings,
): Promise<string> {
  const remote = openRemote({ name, url }, process.cwd(), surroundings);
  if (surroundings.config?.remotes.some((known) => known.name === name)) {
    throw new TreekeeperError('usage', `there is a remote ${name} in the configuration already`);
  }
  const text = formatRemoteUrl(remote.url);
  await addRemote(repository, name, text);
  return text;
}

/** Asks a remote what it has, and whether it would take a push. Throws `TreekeeperError('push')` where not. */
export async function tryRemote(
  repository: Repository,
  { url, access }: Remote,
): Promise<{ branches: number; milliseconds: number }> {
  const start = performance.now();
  const refs = await listRemote(repository, url, access);
  const milliseconds = Math.round(performance.now() - start);
  const ours = await readBranch(repository);
  if (ours !== undefined)
    await pushBranch(repository, url, { from: ours, to: repository.branch, dryRun: true }, access);
  return { branches: [...refs.keys()].filter((ref) => ref.startsWith('refs/heads/')).length, milliseconds };
}

/** A remote as people know it: its name and where it is. */
export function describeRemote({ name, url }: Remote): string {
  return `${name} (${formatRemoteUrl(url)})`;
}

/** A remote that is named by nothing but its URL. */
export function remoteAt(url: string, surroundings: Surroundings): Remote {
  return openRemote({ name: 'origin', url }, process.cwd(), surroundings);
}

function openRemote(remote: RemoteConfig, directory: string, { environment, timeout }: Surroundings): Remote {
  const { name, url, push = false, unencrypted } = remote;
  const token = tokenOf(remote, directory, environment);
  return {
    name: checkRemoteName(name),
    url: parseRemoteUrl(url, directory),
    access: { timeout, ...(token !== undefined && { token }) },
    push,
    unencryptedAccepted: unencrypted === 'accepted',
  };
}

function tokenOf(remote: RemoteConfig, directory: string, environment: Environment): string | undefined {
  return readToken(remote, directory, environment) ?? (environment['TREEKEEPER_GIT_TOKEN'] || undefined);
}

function directoryOf(config: Config | undefined): string {
  return config?.directory ?? process.cwd();
}

export { removeRemote } from '../git/remote-config.ts';
