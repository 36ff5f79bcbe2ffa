import { TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { runGit } from './process.ts';
import type { Repository } from './repository.ts';
import { addSignature, splitSignature } from './signature.ts';

export interface Person {
  readonly name: string;
  readonly email: string;
}

export interface Commit {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly author: Signed;
  readonly committer: Signed;
  readonly message: string;
}

/** A person with a time in seconds since 1970. */
export interface Signed extends Person {
  readonly time: number;
}

/** What a new commit is made of. */
export interface NewCommit {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly author: Person;
  /** The author's, in seconds since 1970. */
  readonly time: number;
  /** The author at the same time, unless another put this commit on another parent. */
  readonly committer?: Signed;
  readonly message: string;
}

/** Serialises a commit, without the object header, in UTC. */
export function encodeCommit({ tree, parents, author, time, committer, message }: NewCommit): Uint8Array {
  const line = ({ name, email, time }: Signed) => `${name} <${email}> ${time} +0000`;
  const authored = { ...author, time };
  const headers = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${line(authored)}`,
    `committer ${line(committer ?? authored)}`,
  ];
  return Buffer.from(`${headers.join('\n')}\n\n${message}`);
}

/** A new commit of a repository: signed, where it has whom to sign for. Throws as its signer does. */
export async function makeCommit({ signer }: Repository, commit: NewCommit): Promise<Uint8Array> {
  const content = encodeCommit(commit);
  const key = await signer?.open();
  return key ? addSignature(content, await key.sign(content)) : content;
}

/**
 * What a commit says, but for its signature, which is for `splitSignature` to find. Throws
 * `TreekeeperError('integrity')`.
 */
export function decodeCommit(content: Uint8Array): Commit {
  const text = Buffer.from(splitSignature(content).content).toString();
  const end = text.indexOf('\n\n');
  const lines = (end < 0 ? text : text.slice(0, end)).split('\n');
  const field = (name: string) =>
    lines.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const oids = (name: string) => field(name).filter((value) => /^[0-9a-f]{40}$/.test(value));
  const [tree] = oids('tree');
  const author = person(field('author')[0]);
  const committer = person(field('committer')[0]);
  if (tree === undefined || !author || !committer)
    throw new TreekeeperError('integrity', 'a commit object has no tree, author or committer');
  return { tree, parents: oids('parent'), author, committer, message: end < 0 ? '' : text.slice(end + 2) };
}

/** The time of a commit on a parent: now, but never before the parent, whatever the clock says. In seconds. */
export function commitTime(parent: number | undefined, now = Date.now()): number {
  return Math.max(Math.floor(now / 1000), (parent ?? 0) + 1);
}

/**
 * Whom commits are by: as git would have it, else treekeeper itself, so that a machine without a git identity can back
 * up.
 */
export async function committerIdentity({ gitDir }: Repository): Promise<Person> {
  const { GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email } = process.env;
  const settings = name && email ? new Map<string, string>() : await readIdentity(gitDir);
  return {
    name: plain(name || settings.get('user.name')?.trim() || '') || 'treekeeper',
    email: plain(email || settings.get('user.email')?.trim() || '') || 'treekeeper@localhost',
  };
}

/** The user that git is set to, by setting; of several values the last one counts, as to git. */
async function readIdentity(gitDir: string): Promise<ReadonlyMap<string, string>> {
  const args = ['config', '--null', '--get-regexp', '^user\\.(name|email)$'];
  const { stdout } = await runGit({ gitDir, args, accept: [1] });
  const settings = new Map<string, string>();
  for (const setting of stdout.toString().split('\0')) {
    const end = setting.indexOf('\n');
    settings.set(setting.slice(0, end), setting.slice(end + 1));
  }
  return settings;
}

function person(line = ''): Signed | undefined {
  const { name, email, time } = /^(?<name>.*?) ?<(?<email>[^>]*)> (?<time>\d+) [+-]\d+$/s.exec(line)?.groups ?? {};
  if (name === undefined || email === undefined || Number(time) > latestTime) return undefined;
  return { name, email, time: Number(time) };
}

/** In seconds since 1970: no Date can be later (ECMA-262, 21.4.1.1), and nobody can commit in the year 275,760. */
const latestTime = 8_640_000_000_000;

/** git strips the same characters: they would end the field. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  return text.replace(/[<>\u0000-\u001f]/g, '').trim();
}
