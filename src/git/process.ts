import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { reasonOf, TreekeeperError } from '../errors.ts';

/** One call of git. */
export interface GitCall {
  /** The Git directory, always named: nothing is looked for. Without one, git is asked about itself. */
  readonly gitDir?: string;
  readonly args: readonly string[];
  /** Settings beside those that every git gets. */
  readonly config?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A call that is waited for. */
export interface GitRun extends GitCall {
  readonly input?: Uint8Array | string;
  /** Exit statuses beside 0 that are answers. */
  readonly accept?: readonly number[];
}

export interface GitAnswer {
  readonly status: number;
  readonly stdout: Buffer;
}

/**
 * What every git gets as `-c`: nothing that the repository's own configuration names may run, nothing starts upkeep
 * behind our back, and what git says is written is on the disk. `core.fsync` is known since git 2.36; before that packs
 * are synced always and refs never.
 */
export const hardenedConfig: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.fsync=all',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'core.logAllRefUpdates=true',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'transfer.fsckObjects=true',
];

/**
 * For gits that look many objects up: git maps packs as a whole, and keeps 96 MiB of what it made of deltas, unless it is told
 * otherwise. Objects that lie beside each other, as those of a snapshot do, are read no slower so; all of a pack of 250 MB in a
 * random order, four times slower.
 */
export const leanConfig: readonly string[] = [
  'core.packedGitWindowSize=8m',
  'core.packedGitLimit=64m',
  'core.deltaBaseCacheLimit=32m',
];

/** Variables that change what git does, and those of them that a person sets for every git of theirs. */
const guarded = /^(GIT_.*|LANGUAGE|EDITOR|VISUAL|PAGER|PREFIX)$/;
const trusted = /^GIT_(EXEC_PATH|SSH|SSH_COMMAND|ASKPASS|SSL_.*|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM))$/;

/**
 * The environment of every git. Of what we inherit (a hook's `GIT_DIR`, an index, object directories,
 * configuration, traces) only harmless ones stay. No protocol is allowed, or a partial clone would fetch what is
 * missing; and an object is what its id says, whatever `refs/replace` holds.
 */
export function hardenedEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && (!guarded.test(name) || trusted.test(name))) environment[name] = value;
  }
  return {
    ...environment,
    LC_ALL: 'C',
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
  };
}

/** Starts git with pipes on all three ends, which its caller reads and ends; `exitOf` tells how it went. */
export function spawnGit({ gitDir, args, config = [], env, signal }: GitCall): ChildProcessWithoutNullStreams {
  const settings = [...hardenedConfig, ...config].flatMap((setting) => ['-c', setting]);
  const place = gitDir === undefined ? [] : [`--git-dir=${gitDir}`];
  return spawn('git', [...place, ...settings, ...args], {
    env: { ...hardenedEnvironment(), ...env },
    windowsHide: true,
    ...(gitDir !== undefined && { cwd: gitDir }),
    ...(signal && { signal }),
  });
}

/** Local plumbing takes milliseconds; what takes this long hangs, on a dead network disk for example. */
const deadline = 10 * 60_000;

/**
 * Waits for the exit status of a git. Throws `TreekeeperError('failed')` where it could not be started, was killed, or
 * is not done in ten minutes; what its signal was aborted with where that is why.
 */
export function exitOf(child: ChildProcessWithoutNullStreams, { args, signal }: GitCall): Promise<number> {
  return new Promise((resolve, reject) => {
    let reason = 'it was killed';
    const timer = setTimeout(() => {
      reason = `it took longer than ${deadline / 60_000} minutes`;
      child.kill('SIGKILL');
    }, deadline);
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(
        signal?.aborted
          ? signal.reason
          : new TreekeeperError('failed', `git ${verbOf(args)} failed: ${why}`, { cause }),
      );
    };

    child.on('error', (error) => fail(reasonOf(error), error));
    child.on('close', (status, killer) => {
      if (status === null) return fail(`${reason} (${killer})`);
      clearTimeout(timer);
      resolve(status);
    });
  });
}

/**
 * Runs git to its end. Throws `TreekeeperError('failed')` with git's own reason where it exits with a status that is
 * neither 0 nor accepted, and where there is no git.
 */
export async function runGit(run: GitRun): Promise<GitAnswer> {
  await requireGit();
  return finishGit(run);
}

/** The error for a git that exited with a status that its caller does not accept. */
export function gitFailure(args: readonly string[], status: number, stderr: string): TreekeeperError {
  return new TreekeeperError('failed', `git ${verbOf(args)} failed: ${reasonIn(stderr) ?? `it exited with ${status}`}`);
}

/** The line of git's standard error that tells why it failed. */
export function reasonIn(stderr: string): string | undefined {
  const lines = stderr.split('\n').filter((line) => line !== '');
  const line = lines.find((text) => /^(fatal|error): /.test(text)) ?? lines[0];
  return line?.replace(/^(fatal|error): /, '').replace(/\p{Cc}/gu, '?');
}

/** Whether a git that is new enough is at hand. `TREEKEEPER_NO_GIT=1` hides it. */
export async function hasGit(): Promise<boolean> {
  return (await findGit()).problem === undefined;
}

/** Whether the git that is at hand is of this version, or newer. */
export async function isGitSince(version: GitVersion): Promise<boolean> {
  return !isBefore((await findGit()).version, version);
}

/** Throws `TreekeeperError('failed')` where there is no git, or one that is too old. */
export async function requireGit(): Promise<void> {
  const { problem } = await findGit();
  if (problem !== undefined) {
    throw new TreekeeperError('failed', problem, {
      hint: `writing needs git ${oldestGit.join('.')} or newer in PATH; reading works without`,
    });
  }
}

/** Major and minor. */
type GitVersion = readonly [number, number];

interface FoundGit {
  readonly version: GitVersion;
  /** Why it cannot be used. */
  readonly problem: string | undefined;
}

/** `rev-parse` understands `--end-of-options` from here on. */
const oldestGit: GitVersion = [2, 30];

let found: Promise<FoundGit> | undefined;

async function findGit(): Promise<FoundGit> {
  if (process.env.TREEKEEPER_NO_GIT === '1')
    return { version: [0, 0], problem: 'git is switched off by TREEKEEPER_NO_GIT' };
  found ??= probeGit();
  return found;
}

async function probeGit(): Promise<FoundGit> {
  try {
    const { stdout } = await finishGit({ args: ['version'] });
    const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(stdout.toString()) ?? []).map(Number);
    const version: GitVersion = [major, minor];
    const problem = isBefore(version, oldestGit) ? `this git is too old: ${stdout.toString().trim()}` : undefined;
    return { version, problem };
  } catch {
    return { version: [0, 0], problem: 'there is no git on this machine' };
  }
}

function isBefore([major, minor]: GitVersion, [otherMajor, otherMinor]: GitVersion): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

async function finishGit({ input, accept = [], ...call }: GitRun): Promise<GitAnswer> {
  const child = spawnGit(call);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));

  // git may end without reading all of its input; how it ended tells more than the broken pipe
  child.stdin.on('error', () => {});
  child.stdin.end(input);

  const status = await exitOf(child, call);
  if (status !== 0 && !accept.includes(status)) throw gitFailure(call.args, status, Buffer.concat(stderr).toString());
  return { status, stdout: Buffer.concat(stdout) };
}

function verbOf(args: readonly string[]): string {
  return args.find((arg) => !arg.startsWith('-')) ?? '';
}
