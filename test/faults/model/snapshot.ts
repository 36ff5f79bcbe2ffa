import { execFileSync } from 'node:child_process';
import { type Nodes, parentsOf } from './nodes.ts';

/*
 * Reads snapshots with git and what README says of the format, and shares no code with treekeeper.
 */

/** Runs the real git in a repository. Throws where it fails. */
export function git(repository: string, args: readonly string[], input: string | Buffer = ''): Buffer {
  return execFileSync('git', ['-C', repository, ...args], {
    input,
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  });
}

export const gitText = (repository: string, ...args: readonly string[]) => git(repository, args).toString().trimEnd();

/** What `git fsck` has to say; nothing where all is well. */
export function complaints(repository: string): string {
  try {
    return gitText(repository, 'fsck', '--strict', '--no-dangling', '--no-progress');
  } catch (thrown) {
    return String(thrown);
  }
}

/** Where the branch is; empty where there is none. */
export function headOf(repository: string): string {
  return gitText(repository, 'for-each-ref', '--format=%(objectname)', 'refs/heads/main');
}

export interface Snapshot {
  /** Ciphertexts are as they are. */
  readonly nodes: Nodes;
  /** The keys of the nodes whose values are encrypted. */
  readonly encrypted: ReadonlySet<string>;
}

/** The nodes of a store in a commit. With `hasDirectories`, what is above a node is one too. */
export function readSnapshot(repository: string, commit: string, store: string, hasDirectories: boolean): Snapshot {
  const nodes = new Map<string, Buffer | null>();
  const encrypted = new Set<string>();
  const listed = git(repository, ['ls-tree', '-r', '-z', commit, '--', `${store}/`]).toString('latin1');
  const files = listed.split('\0').flatMap((line) => {
    const [, oid, path] = /^\d+ blob ([0-9a-f]{40})\t[^/]+\/(.*)$/s.exec(line) ?? [];
    return oid === undefined || path === undefined || path === '%store.json' ? [] : [{ oid, path }];
  });
  const values = readBlobs(
    repository,
    files.map(({ oid }) => oid),
  );
  for (const { oid, path } of files) {
    const isSecret = path.endsWith('.gpg');
    const key = decodePath(isSecret ? path.slice(0, -'.gpg'.length) : path);
    if (hasDirectories) for (const parent of parentsOf(key)) nodes.set(parent, null);
    nodes.set(key, path.endsWith('%null') ? null : (values.get(oid) ?? null));
    if (isSecret) encrypted.add(key);
  }
  return { nodes, encrypted };
}

function decodePath(path: string): string {
  const whole = path.replaceAll('%+/', '').replace(/\/%(value|null)$/, '');
  return whole.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function readBlobs(repository: string, oids: readonly string[]): ReadonlyMap<string, Buffer> {
  const blobs = new Map<string, Buffer>();
  const output = git(repository, ['cat-file', '--batch'], oids.map((oid) => `${oid}\n`).join(''));
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf('\n', at);
    const [oid = '', , size] = output.toString('latin1', at, end).split(' ');
    const next = end + 1 + Number(size);
    blobs.set(oid, output.subarray(end + 1, next));
    at = next + 1;
  }
  return blobs;
}
