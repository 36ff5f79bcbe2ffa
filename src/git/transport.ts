import { realpath } from 'node:fs/promises';
import { type ErrorCode, reasonOf, TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { lockInTheWay, outlastLock } from './lock-file.ts';
import { requireGit, runGit } from './process.ts';
import { moveRefs, readRef } from './refs.ts';
import type { RemoteUrl } from './remote-url.ts';
import type { Repository } from './repository.ts';
import { openScratch, type Scratch } from './scratch.ts';
import { openSimpleGit } from './simple-git.ts';
import { transportFailure } from './transport-failure.ts';

/** How to get at a remote. */
export interface RemoteAccess {
  /** How long it may say nothing, in milliseconds. */
  readonly timeout: number;
  /** A token or password for HTTPS. Without one git asks its credential helpers. */
  readonly token?: string;
  readonly signal?: AbortSignal;
}

export interface PushRequest {
  /** A commit. */
  readonly from: Oid;
  /** The branch there, in full. */
  readonly to: string;
  /** Only ask whether it would be taken. */
  readonly dryRun?: boolean;
}

/**
 * `pushed`: the remote's branch was at the commit `before`, where it was there. `rejected`: it has something that the commit does
 * not come from, or a git there has `lock`, its lock file, or left it when it was killed. Nothing happened there.
 */
export type PushAnswer =
  | { readonly status: 'pushed'; readonly before: string | undefined }
  | { readonly status: 'up-to-date' }
  | { readonly status: 'rejected'; readonly lock: string | undefined };

export interface FetchRequest {
  /** The branch there, in full. */
  readonly ref: string;
  /** The refs here that come to stand where it does, all at once. */
  readonly into: readonly string[];
  /** Its newest commit alone, or those that came after what is here; without it, all of them. */
  readonly part?: 'newest' | 'new';
  /** Called before any ref moves. Where it throws, none does. */
  readonly accept?: (tip: Oid) => Promise<void>;
}

/** What a remote has. */
export interface RemoteRefs {
  /** By their full names. */
  readonly refs: ReadonlyMap<string, Oid>;
  /** The branch that its HEAD is at, in full; `undefined` where that branch is not there. */
  readonly head: string | undefined;
}

/** Asks a remote for its refs. Throws `TreekeeperError(code)`: what it is asked for decides which. */
export async function listRemote(
  repository: Repository | undefined,
  url: RemoteUrl,
  access: RemoteAccess,
  code: ErrorCode = 'push',
): Promise<RemoteRefs> {
  await using scratch = await openScratch(repository, code);
  const said = await converse(code, scratch, url, access, ['ls-remote', '--symref', '--', url.text]);
  const refs = new Map<string, Oid>();
  for (const line of said.split('\n')) {
    const [, oid, ref] = /^([0-9a-f]{40})\t(.+)$/.exec(line) ?? [];
    if (oid !== undefined && ref !== undefined) refs.set(ref, oid);
  }
  return { refs, head: /^ref: (refs\/heads\/.+)\tHEAD$/m.exec(said)?.[1] };
}

/**
 * Pushes one commit to one branch, never by force. It counts as done where the remote itself reports that the branch is
 * there: git prints that line only from the remote's own report of its refs. Throws `TreekeeperError('push')`.
 */
export async function pushBranch(
  repository: Repository,
  url: RemoteUrl,
  { from, to, dryRun = false }: PushRequest,
  access: RemoteAccess,
): Promise<PushAnswer> {
  await using scratch = await openScratch(repository, 'push');
  const args = [
    'push',
    '--porcelain',
    '--progress',
    '--no-verify',
    '--no-follow-tags',
    '--no-signed',
    '--recurse-submodules=no',
  ];
  let said: string;
  try {
    const refspec = `${from}:${to}`;
    said = await converse('push', scratch, url, access, [
      ...args,
      ...(dryRun ? ['--dry-run'] : []),
      '--',
      url.text,
      refspec,
    ]);
  } catch (thrown) {
    const rejected = thrown instanceof TreekeeperError ? rejection(reasonOf(thrown.cause), to) : undefined;
    if (rejected === undefined) throw thrown;
    if (
      /non-fast-forward|fetch first|stale info|failed to update ref|cannot lock ref|incorrect old value/.test(rejected)
    ) {
      const lock = lockInTheWay(rejected);
      // A host sees to its own. In a directory nobody does, and a push that was killed stops all others.
      if (lock !== undefined && url.protocol === 'file') {
        const directory = await realpath(url.text).catch(() => url.text);
        await outlastLock(directory, lock, access.signal).catch(() => {});
      }
      return { status: 'rejected', lock };
    }
    throw new TreekeeperError('push', `${url.text} refuses the push: ${rejected}`, {
      hint: 'the snapshot is safe here; what the host says above is what its operator decided, or has to fix',
      cause: thrown,
    });
  }
  const line = String.raw`^([ *=+!-])\t[0-9a-f]{40}:${escapeRegExp(to)}\t(?:([0-9a-f]+)\.\.)?`;
  const [, flag, before] = new RegExp(line, 'm').exec(said) ?? [];
  if (flag === '=') return { status: 'up-to-date' };
  if (flag === ' ' || flag === '*') return { status: 'pushed', before };
  throw new TreekeeperError('push', `${url.text} did not say that its branch ${to} moved`, {
    hint: 'the snapshot is safe here; the next push tries again',
  });
}

/**
 * Fetches a branch with all that it leads to. Answers where it is, or `undefined` where the remote has no such branch.
 * Throws `TreekeeperError('failed')`, and what `accept` throws; objects that came are then without a ref, and nothing else
 * changed.
 */
export async function fetchBranch(
  repository: Repository,
  url: RemoteUrl,
  { ref, into, part, accept }: FetchRequest,
  access: RemoteAccess,
): Promise<Oid | undefined> {
  await using scratch = await openScratch(repository, 'failed');
  const isPart = part === undefined && (await isShallowRepository(repository));
  const range = part === 'newest' ? ['--depth=1'] : isPart ? ['--unshallow'] : [];
  const args = [
    'fetch',
    '--progress',
    '--no-tags',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--recurse-submodules=no',
  ];
  const fetched = 'refs/treekeeper/fetched';
  try {
    await converse('failed', scratch, url, access, [...args, ...range, '--', url.text, `+${ref}:${fetched}`]);
  } catch (thrown) {
    if (/couldn't find remote ref/.test(thrown instanceof Error ? reasonOf(thrown.cause) : '')) return undefined;
    throw thrown;
  }
  const tip = await readRef(scratch.gitDir, fetched);
  if (tip === undefined) throw new TreekeeperError('failed', `git fetched ${ref} of ${url.text}, and has it not`);
  await accept?.(tip);
  await scratch.keepShallow();
  const moves = into.map((to) => ({ ref: to, to: tip }));
  await moveRefs(repository, moves, `fetch from ${url.text}`);
  return tip;
}

/** One conversation: git's standard output, or an error whose cause has all that git said. */
async function converse(
  code: ErrorCode,
  scratch: Scratch,
  url: RemoteUrl,
  { timeout, token, signal }: RemoteAccess,
  args: readonly string[],
): Promise<string> {
  await requireGit();
  const seconds = Math.max(1, Math.ceil(timeout / 1000));
  const config = [
    `http.lowSpeedLimit=1`,
    `http.lowSpeedTime=${seconds}`,
    'credential.interactive=false',
    'push.default=nothing',
  ];
  const env = {
    ...scratch.env,
    GIT_ALLOW_PROTOCOL: [...new Set([url.protocol, ...(url.protocol === 'file' ? [] : ['https', 'ssh'])])].join(':'),
    ...(url.protocol === 'ssh' && (await sshCommand(scratch, seconds))),
    ...(token !== undefined && (await passwordFor(scratch, url, token))),
  };
  try {
    const git = openSimpleGit(scratch.gitDir, { config, env, idle: timeout, signal });
    return await git.raw([`--git-dir=${scratch.gitDir}`, ...args]);
  } catch (thrown) {
    if (signal?.aborted) throw signal.reason;
    const failure = transportFailure(code, url, reasonOf(thrown), token === undefined ? [] : [token]);
    throw new TreekeeperError(failure.code, failure.message, {
      ...(failure.hint && { hint: failure.hint }),
      cause: thrown,
    });
  }
}

/** Tokens are for HTTP: where git is not asked for a password, none is at hand. */
async function passwordFor(
  scratch: Scratch,
  { protocol, text }: RemoteUrl,
  token: string,
): Promise<Record<string, string>> {
  if (protocol !== 'https' && protocol !== 'http') return {};
  const { origin, username } = new URL(text);
  await scratch.usePassword(origin);
  return { TREEKEEPER_GIT_USER: decodeURIComponent(username) || 'git', TREEKEEPER_GIT_PASSWORD: token };
}

/** A person's own ssh command stands, in the environment or in their git configuration; else ssh asks nobody anything. */
async function sshCommand({ gitDir }: Scratch, seconds: number): Promise<{ GIT_SSH_COMMAND?: string }> {
  if (process.env['GIT_SSH_COMMAND'] || process.env['GIT_SSH']) return {};
  const { status } = await runGit({ gitDir, args: ['config', '--get', 'core.sshCommand'], accept: [1] });
  if (status === 0) return {};
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `ConnectTimeout=${seconds}`,
    `ServerAliveInterval=${seconds}`,
  ];
  return { GIT_SSH_COMMAND: ['ssh', ...options.flatMap((option) => ['-o', option])].join(' ') };
}

/** Why the remote did not take the branch, from git's porcelain line about it. */
function rejection(said: string, to: string): string | undefined {
  const line = new RegExp(String.raw`^!\t[0-9a-f]{40}:${escapeRegExp(to)}\t\[(?:remote )?rejected\] (.*)$`, 'm').exec(
    said,
  );
  if (!line) return undefined;
  const told = [...said.matchAll(/^remote: (.*)$/gm)].map(([, text = '']) => text.trim()).filter(Boolean);
  return [line[1]?.replace(/^\((.*)\)$/, '$1'), ...told]
    .join('; ')
    .replace(/\p{Cc}/gu, '?')
    .slice(0, 400);
}

/** Whether a part of its history was left at the remote. */
export async function isShallowRepository({ gitDir }: Repository): Promise<boolean> {
  const { stdout } = await runGit({ gitDir, args: ['rev-parse', '--is-shallow-repository'] });
  return stdout.toString().trim() === 'true';
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
