import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import type { Decryptor } from '../../src/ciphers/cipher.ts';
import { TreekeeperError } from '../../src/errors.ts';
import { check } from '../../src/operations/check.ts';
import { openContents } from '../../src/operations/contents.ts';
import { compare, sideReader } from '../../src/operations/diff.ts';
import { type OpenRepository, openForReading } from '../../src/operations/open.ts';
import { planRestore } from '../../src/operations/plan-restore.ts';
import { everything, readService } from '../../src/operations/read.ts';
import { applyPlan } from '../../src/operations/restore.ts';
import { locate } from '../../src/operations/revision.ts';
import { openDir } from '../../src/services/dir.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { type Entry, walkSnapshot } from '../../src/snapshot/walk.ts';

/** Nodes by key, one character a byte, each with its value and attributes as one text. */
export type Nodes = ReadonlyMap<string, string>;

/** Something that answers, or refuses with an error that a user can act on. */
export type Answer<Result> = { readonly is: Result } | { readonly refused: string };

/** Whatever is thrown but a `TreekeeperError` is a defect, and goes through. */
export async function answer<Result>(ask: () => Promise<Result>): Promise<Answer<Result>> {
  try {
    return { is: await ask() };
  } catch (thrown) {
    if (thrown instanceof TreekeeperError) return { refused: thrown.message };
    throw thrown;
  }
}

/** What `check --all --decrypt` finds, values that lie in clear included. */
export async function findings(repository: string, decryptor: Decryptor): Promise<readonly string[]> {
  const found = await answer(async () => {
    await using opened = await openForReading(repository);
    const { findings, clear } = await check(opened, { all: true, decryptor });
    return [...findings.map(({ problem }) => problem), ...clear.map((value) => `in clear: ${nameOf(value)}`)];
  });
  return 'is' in found ? found.is : [found.refused];
}

/** What `ls` and `show` tell of a snapshot; of a value that is refused, `refused`. */
export async function shown(
  { repository, reader }: OpenRepository,
  revision: string,
  decryptor: Decryptor,
): Promise<Nodes> {
  const { snapshot } = await locate(reader, repository, revision, 'live');
  const entries: Entry[] = [];
  await walkSnapshot(snapshot, (entry) => entries.push(entry));
  const contents = openContents(snapshot, decryptor);
  const telling = entries.map(async (entry): Promise<[string, string]> => {
    const text = await answer(async () => textOf(await contents.value(entry), await contents.attributes(entry)));
    return [nameOf(entry), 'is' in text ? text.is : refused];
  });
  return new Map(await Promise.all(telling));
}

/** What `diff` tells of two snapshots. */
export async function differences(
  opened: OpenRepository,
  [before, after]: readonly [string, string],
  decryptor: Decryptor,
): Promise<Nodes> {
  const surroundings = { config: undefined, environment: {}, timeout: 1000, unattendedDecryptor: decryptor };
  const comparison = await compare(opened, { before, after, store: 'live' }, surroundings);
  const nodes = new Map<string, string>();
  for (const change of comparison.changes) {
    const texts: string[] = [];
    for (const [side, of] of [
      [change.before, comparison.before],
      [change.after, comparison.after],
    ] as const) {
      const read = of && side && (await sideReader(of.snapshot, decryptor)(side));
      texts.push(read?.value === undefined ? 'nothing' : textOf(read.value, read.attributes));
    }
    nodes.set(nameOf(change), texts.join(' -> '));
  }
  return nodes;
}

/** Restores a snapshot into a directory that is made anew, and tells what came of it: all of it, or a part. */
export async function restored(
  { repository, reader }: OpenRepository,
  revision: string,
  decryptor: Decryptor,
  target: string,
): Promise<{ readonly nodes: Nodes; readonly succeeded: Answer<boolean> }> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  const service = openDir({ path: target });
  const succeeded = await answer(async () => {
    const { snapshot } = await locate(reader, repository, revision, 'live');
    const request = { snapshot, service, below: undefined, moves: [], persistEphemeral: false, decryptor };
    const plan = await planRestore(request);
    let isWhole = plan.steps.every(({ verdict }) => verdict === 'create');
    const onDone = (batch: readonly { outcome: { status: string } }[]) => {
      if (batch.some(({ outcome }) => outcome.status !== 'created')) isWhole = false;
    };
    const unsettled = await applyPlan(plan, service, { onDone });
    return isWhole && unsettled.length === 0;
  });
  return { nodes: await nodesIn(target), succeeded };
}

/** A directory as it is. */
export async function nodesIn(path: string): Promise<Nodes> {
  const nodes = new Map<string, string>();
  const node = (found: Node) => nodes.set(nameOf(found), textOf(found.value, found.attributes));
  await readService(openDir({ path }), everything, { node, unreadable: () => {} });
  return nodes;
}

/** What git itself reads in a repository: refs, and the objects that these lead to, each with a hash of what is in it. */
export function contentOf(repository: string): { readonly refs: Nodes; readonly objects: Nodes } {
  const git = (args: readonly string[], input = '') =>
    execFileSync('git', ['-C', repository, ...args], { input, stdio: ['pipe', 'pipe', 'ignore'], maxBuffer: 2 ** 28 });
  const ids = git(['rev-list', '--all', '--objects', '--no-object-names']).toString().split('\n').filter(Boolean);
  const content = git(['cat-file', '--batch'], ids.join('\n'));
  const objects = new Map<string, string>();
  let at = 0;
  for (const id of ids) {
    const end = content.indexOf('\n', at) + 1;
    const size = Number(content.toString('latin1', at, end).split(' ')[2]);
    objects.set(
      id,
      createHash('sha256')
        .update(content.subarray(at, end + size))
        .digest('hex'),
    );
    at = end + size + 1;
  }
  const refs = git(['for-each-ref', '--format=%(refname) %(objectname)']).toString().split('\n').filter(Boolean);
  return { refs: new Map(refs.map((line) => line.split(' ') as [string, string])), objects };
}

/** Whether these are the same nodes, but for values that are refused. */
export function agree(found: Nodes, original: Nodes): boolean {
  return found.size === original.size && isPart(found, original);
}

/** Whether every one of these nodes is the same there, or its value is refused. */
export function isPart(found: Nodes, original: Nodes): boolean {
  return [...found].every(([key, text]) => text === original.get(key) || (text === refused && original.has(key)));
}

const refused = 'refused';
const nameOf = ({ key }: { readonly key: Uint8Array }) => Buffer.from(key).toString('latin1');

function textOf(value: Uint8Array | null, attributes: Node['attributes']): string {
  return `${value === null ? 'null' : Buffer.from(value).toString('hex')} ${JSON.stringify(attributes ?? {})}`;
}
