import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Signer } from '../snapshot/signing-key.ts';
import { makingPrefix } from './leftovers.ts';
import { requireGit } from './process.ts';
import { isRemoteUrl } from './remote-url.ts';

/** Where a repository is, and the branch whose snapshots are meant. All paths are absolute. */
export interface Repository {
  /** Where `HEAD` and the index are. */
  readonly gitDir: string;
  /** Where objects, refs and configuration are: `gitDir`, except in a linked work tree. */
  readonly commonDir: string;
  /** `undefined` in a bare repository. */
  readonly workTree: string | undefined;
  /** A full name: `refs/heads/main`. It need not exist yet. */
  readonly branch: `refs/heads/${string}`;
  /** Signs every commit that is made in it. */
  readonly signer?: Signer;
}

/**
 * Opens the repository at `path`: a bare one, a work tree, or the `.git` in it. Needs no git binary. The branch is the
 * one that `HEAD` points to, unless one is given, in full or short.
 * Throws `TreekeeperError('no-repository')` where there is none, `'usage'` where the branch has no usable name, and
 * `'failed'` where the repository is of a kind that treekeeper cannot read.
 */
export async function openRepository(path: string, branch?: string): Promise<Repository> {
  const root = localRoot(path);
  const place = (await findGitDir(root)) ?? (await refuse(root));
  const commonDir = await followFile(join(place.gitDir, 'commondir'), place.gitDir, /^(.*)$/m);
  const repository = { ...place, commonDir: commonDir ?? place.gitDir };

  await requireReadable(root, join(repository.commonDir, 'config'));
  return { ...repository, branch: branch === undefined ? await headBranch(root, place.gitDir) : branchName(branch) };
}

/**
 * Makes a bare repository, which only its owner may read, and answers it opened. Throws `TreekeeperError('failed')`
 * where there is anything at `path` but an empty directory, or one that a killed run began to make a repository of.
 */
export async function createRepository(path: string, branch = 'main'): Promise<Repository> {
  const root = localRoot(path);
  const full = branchName(branch);
  await requireGit();
  const { makeRepository } = await import('./make-repository.ts');
  if (await exists(root)) await requireFree(root);
  try {
    if (!(await makeRepository(root, full.slice('refs/heads/'.length)))) throw new RepositoryTaken(root);
  } catch (thrown) {
    if (thrown instanceof TreekeeperError) throw thrown;
    throw new TreekeeperError('failed', `cannot make ${root}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  return openRepository(root, full);
}

/** A remote can be read through a cache; whatever writes needs a repository of its own. */
function localRoot(path: string): string {
  if (!isRemoteUrl(path)) return resolve(path);
  throw new TreekeeperError('usage', 'the repository that is named is the URL of a remote', {
    hint: 'only verbs that read take one; `treekeeper clone` copies it, `treekeeper remote add` makes it a place to push to',
  });
}

/** What `HEAD` of a Git directory holds: the full name of a ref, or an id where it is detached. */
export async function readHead(gitDir: string): Promise<string> {
  const head = await readFile(join(gitDir, 'HEAD'), 'utf8');
  return head.replace(/^ref:\s*/, '').trimEnd();
}

/** The rules of git-check-ref-format that keep a name from being an operator, an option or a path elsewhere. */
export function isRefName(name: string): boolean {
  const component = /^(?!\.)(?!.*\.lock$)(?!.*\.\.)(?!.*@\{)[^\p{Cc} ~^:?*[\\\x7f]+(?<!\.)$/u;
  return name !== '@' && !name.startsWith('-') && name.split('/').every((part) => component.test(part));
}

function branchName(branch: string): `refs/heads/${string}` {
  const short = branch.startsWith('refs/heads/') ? branch.slice('refs/heads/'.length) : branch;
  if (!isRefName(short) || short === 'HEAD')
    throw new TreekeeperError('usage', `${JSON.stringify(branch)} cannot be the name of a branch`);
  return `refs/heads/${short}`;
}

async function headBranch(root: string, gitDir: string): Promise<`refs/heads/${string}`> {
  const head = await readHead(gitDir);
  if (head.startsWith('refs/heads/')) return branchName(head);
  throw new TreekeeperError('failed', `HEAD of ${root} is not on a branch`, {
    hint: 'name the branch, or check one out',
  });
}

async function findGitDir(root: string): Promise<{ gitDir: string; workTree: string | undefined } | undefined> {
  const inside = join(root, '.git');
  const gitDir = (await followFile(inside, root, /^gitdir: (.*)$/m)) ?? inside;
  if (await isGitDir(gitDir)) return { gitDir, workTree: root };
  if (!(await isGitDir(root))) return undefined;

  const bare =
    basename(root) !== '.git' || /^\s*bare\s*=\s*true\s*$/im.test(await readFile(join(root, 'config'), 'utf8'));
  return { gitDir: root, workTree: bare ? undefined : dirname(root) };
}

/** As git itself tells (is_git_directory in its setup.c), but for the refs, which a linked work tree has elsewhere. */
async function isGitDir(path: string): Promise<boolean> {
  if (!(await exists(join(path, 'HEAD')))) return false;
  return (
    (await exists(join(path, 'commondir'))) ||
    ((await exists(join(path, 'objects'))) && (await exists(join(path, 'refs'))))
  );
}

/** The path that a file names, relative to `base`; `undefined` where it is no such file. */
async function followFile(file: string, base: string, pattern: RegExp): Promise<string | undefined> {
  try {
    const target = pattern.exec(await readFile(file, 'utf8'))?.[1];
    return target === undefined ? undefined : resolve(base, target.trimEnd());
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT') || isCode(thrown, 'EISDIR') || isCode(thrown, 'ENOTDIR')) return undefined;
    throw new TreekeeperError('failed', `cannot read ${file}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/**
 * Object ids are SHA-1 everywhere in treekeeper, and isomorphic-git would write those into a SHA-256 repository too.
 */
async function requireReadable(root: string, config: string): Promise<void> {
  const text = (await exists(config)) ? await readFile(config, 'utf8') : '';
  const extensions = /^\s*\[extensions\]([^[]*)/gim;
  for (const [, section = ''] of text.matchAll(extensions)) {
    const [, name, value] = /^\s*(objectformat|refstorage)\s*=\s*(?!sha1\s*$|files\s*$)(\S+)/im.exec(section) ?? [];
    if (name === undefined) continue;
    throw new TreekeeperError(
      'failed',
      `${root} is a repository of a kind that treekeeper does not know (${name} = ${value})`,
      {
        hint: 'treekeeper needs a repository with SHA-1 ids and refs in files; `treekeeper init` makes one',
      },
    );
  }
}

async function requireFree(root: string): Promise<void> {
  const entries = await readdir(root).catch(() => undefined);
  const isBegun = entries?.some((name) => name.startsWith(makingPrefix)) && !entries.includes('HEAD');
  // After the list: another run may be making it, and what it finishes in between is there.
  if (await findGitDir(root)) throw new RepositoryTaken(root);
  if (entries?.length === 0 || isBegun) return;
  throw new TreekeeperError('failed', `${root} is ${entries ? 'not empty' : 'not a directory'}, and not a repository`, {
    hint: 'give the repository a directory of its own',
  });
}

/** There is one where a repository was to be made. */
export class RepositoryTaken extends TreekeeperError {
  constructor(root: string) {
    super('failed', `there is a repository at ${root} already`, {
      hint: 'it can be used as it is; for another one, name another path',
    });
  }
}

async function refuse(root: string): Promise<never> {
  const message = (await exists(root)) ? `${root} is not a Git repository` : `there is no repository at ${root}`;
  throw new TreekeeperError('no-repository', message, {
    hint: 'make one with `treekeeper init`, or name another with --repo',
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT') || isCode(thrown, 'ENOTDIR')) return false;
    throw new TreekeeperError('failed', `cannot read ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}
