import type { RemoteConfig } from '../config/config.ts';
import { type Environment, readToken } from '../config/credentials.ts';
import { type ErrorCode, TreekeeperError } from '../errors.ts';
import { readBranch } from '../git/refs.ts';
import { addRemote, checkRemoteName, readRemotes, removeRemote, unknownRemote } from '../git/remote-config.ts';
import { formatRemoteUrl, parseRemoteUrl, type RemoteUrl } from '../git/remote-url.ts';
import type { Repository } from '../git/repository.ts';
import { listRemote, pushBranch, type RemoteAccess } from '../git/transport.ts';
import type { Surroundings } from './connect.ts';
import type { Trust } from './trust.ts';

/** A storage target as it was named. */
export interface KnownRemote {
  readonly name: string;
  /** Every backup is pushed there. */
  readonly push: boolean;
  /**
   * Makes it ready to be asked. Throws `TreekeeperError('usage')` where its URL or name is not safe to use, where its directory
   * or a secret that it refers to is not there: which is the trouble of this remote, and of no other.
   */
  open(): Remote;
}

/** A storage target, ready to be asked. */
export interface Remote {
  readonly name: string;
  readonly url: RemoteUrl;
  readonly access: RemoteAccess;
  /** It is known that values go there in clear. */
  readonly unencryptedAccepted: boolean;
  /** What is taken from it. */
  readonly trust?: Trust;
}

/** The remotes of the configuration and those of the repository, by name; the configuration's where both have one. */
export async function listRemotes(repository: Repository, surroundings: Surroundings): Promise<KnownRemote[]> {
  const remotes = new Map<string, KnownRemote>();
  const add = (remote: RemoteConfig, directory: string) => {
    const open = () => openRemote(remote, directory, surroundings);
    const push = (remote.push ?? false) && !surroundings.isOtherRepository;
    remotes.set(remote.name, { name: remote.name, push, open });
  };
  for (const [name, url] of await readRemotes(repository)) add({ name, url }, repository.gitDir);
  const { config } = surroundings;
  for (const remote of config?.remotes ?? []) add(remote, config?.directory ?? process.cwd());
  return [...remotes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The remotes of these names; throws `TreekeeperError('usage')` where there is none of one of them. */
export async function findRemotes(
  repository: Repository,
  names: readonly string[],
  surroundings: Surroundings,
): Promise<KnownRemote[]> {
  const remotes = await listRemotes(repository, surroundings);
  return names.map((name) => {
    const found = remotes.find((remote) => remote.name === name);
    if (!found) throw unknownRemote(name);
    return found;
  });
}

/** The same ones. Throws `TreekeeperError('usage')` where there are none. */
export function someRemote(remotes: readonly KnownRemote[]): readonly KnownRemote[] {
  if (remotes.length > 0) return remotes;
  throw new TreekeeperError('usage', 'there is no remote', {
    hint: 'add one with `treekeeper remote add NAME URL`, or in treekeeper.yaml',
  });
}

/** The name of the only remote there is. Throws `TreekeeperError('usage')` where there are several, or none. */
export async function onlyRemote(repository: Repository, surroundings: Surroundings): Promise<string> {
  const remotes = someRemote(await listRemotes(repository, surroundings));
  const [remote, ...others] = remotes;
  if (remote && others.length === 0) return remote.name;
  throw new TreekeeperError('usage', 'there are several remotes', {
    hint: `name one of them: ${remotes.map(({ name }) => name).join(', ')}`,
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

/** Forgets a remote of the repository. Throws `TreekeeperError('usage')` where it has none of this name. */
export async function removeRemoteAt(repository: Repository, name: string, { config }: Surroundings): Promise<void> {
  const isConfigured = config?.remotes.some((known) => known.name === name);
  if (isConfigured && !(await readRemotes(repository)).has(name)) {
    throw new TreekeeperError('usage', `the remote ${name} is one of the configuration, not of the repository`, {
      hint: 'take it out of `remotes` there',
    });
  }
  await removeRemote(repository, name);
}

/**
 * Asks a remote what it has, and whether it would take a push, which only a branch that has a snapshot can be `tried` with.
 * Throws `TreekeeperError('push')` where not.
 */
export async function tryRemote(
  repository: Repository,
  { url, access: given }: Remote,
  signal?: AbortSignal,
): Promise<{ branches: number; milliseconds: number; tried: boolean }> {
  const access = { ...given, ...(signal && { signal }) };
  const start = performance.now();
  const { refs } = await listRemote(repository, url, access);
  const milliseconds = Math.round(performance.now() - start);
  const ours = await readBranch(repository);
  if (ours !== undefined)
    await pushBranch(repository, url, { from: ours, to: repository.branch, dryRun: true }, access);
  const branches = [...refs.keys()].filter((ref) => ref.startsWith('refs/heads/')).length;
  return { branches, milliseconds, tried: ours !== undefined };
}

/** A remote as people know it: its name and where it is. */
export function describeRemote({ name, url }: Remote): string {
  return `${name} (${formatRemoteUrl(url)})`;
}

/** What went wrong with one remote of several, which it names. Anything but a `TreekeeperError` is thrown on. */
export function remoteFailure(code: ErrorCode, name: string, thrown: unknown): TreekeeperError {
  if (!(thrown instanceof TreekeeperError)) throw thrown;
  const { message, hint } = thrown;
  return new TreekeeperError(code, `the remote ${name}: ${message}`, { ...(hint && { hint }), cause: thrown });
}

/** A remote that is named by nothing but its URL. */
export function remoteAt(url: string, surroundings: Surroundings): Remote {
  return openRemote({ name: 'origin', url }, process.cwd(), surroundings);
}

function openRemote(remote: RemoteConfig, directory: string, surroundings: Surroundings): Remote {
  const { environment, timeout, remoteTimeout = timeout, trust } = surroundings;
  const { name, url, unencrypted } = remote;
  const token = tokenOf(remote, directory, environment);
  return {
    name: checkRemoteName(name),
    url: parseRemoteUrl(url, directory),
    access: { timeout: remoteTimeout, ...(token !== undefined && { token }) },
    unencryptedAccepted: unencrypted === 'accepted',
    ...(trust && { trust }),
  };
}

function tokenOf(remote: RemoteConfig, directory: string, environment: Environment): string | undefined {
  return readToken(remote, directory, environment) ?? (environment['TREEKEEPER_GIT_TOKEN'] || undefined);
}
