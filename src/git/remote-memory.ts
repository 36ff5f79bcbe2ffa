import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Oid } from '../snapshot/objects.ts';
import { listRefs, moveRefs, readCommits } from './refs.ts';
import type { Repository } from './repository.ts';

/*
 * What is known of the branch of a remote without asking it, each part of it a ref: atomic, durable, and what it names is not
 * pruned. A ref that is damaged tells nothing.
 */

export interface RemoteMemory {
  /** Where that branch was when it was last seen, as git has it. */
  readonly tracked: Oid | undefined;
  /** Where it was when something was last taken from it, or brought there: what it has to come from ever after. */
  readonly seen: Oid | undefined;
  /** The commit of ours up to which it has everything: another one where ours were put on top of others'. */
  readonly included: Oid | undefined;
  /** Where it was when it had that. */
  readonly reached: Oid | undefined;
}

type Part = keyof RemoteMemory;

const places: { readonly [part in Part]: string } = {
  tracked: 'refs/remotes',
  seen: 'refs/treekeeper/seen',
  included: 'refs/treekeeper/pushed',
  reached: 'refs/treekeeper/reached',
};
const parts = ['tracked', 'seen', 'included', 'reached'] as const;

/** Where git keeps the branches of a remote. */
export const trackingPlace = (name: string) => `${places.tracked}/${name}`;

/** The ref that holds a part of it. */
export function memoryRef(part: Part, name: string, { branch }: Repository): string {
  return `${places[part]}/${name}/${branch.slice('refs/heads/'.length)}`;
}

export async function readMemory(repository: Repository, name: string): Promise<RemoteMemory> {
  const refs = parts.map((part) => memoryRef(part, name, repository));
  const [tracked, seen, included, reached] = await readCommits(repository.gitDir, refs);
  return { tracked, seen, included, reached };
}

/** The parts that are there and tell nothing: not written as git does, or the name of no commit that is here. */
export async function damagedParts(repository: Repository, name: string): Promise<readonly Part[]> {
  const memory = await readMemory(repository, name);
  const damaged: Part[] = [];
  for (const part of parts.filter((one) => memory[one] === undefined)) {
    const ref = memoryRef(part, name, repository);
    const file = await stat(join(repository.commonDir, ref)).catch(() => undefined);
    if (file?.isFile() || (await listRefs(repository.gitDir, ref)).has(ref)) damaged.push(part);
  }
  if (damaged.length === 0) return damaged;
  // What was written between the two is there, and told nothing only then.
  const now = await readMemory(repository, name);
  return damaged.filter((part) => now[part] === undefined);
}

/** Forgets parts of it, of which `damaged` ones are nothing that git itself could remove. */
export async function forgetParts(
  repository: Repository,
  name: string,
  forgotten: readonly Part[],
  damaged: readonly Part[],
): Promise<void> {
  const refOf = (part: Part) => memoryRef(part, name, repository);
  for (const part of damaged) await rm(join(repository.commonDir, refOf(part)), { force: true });
  const moves = forgotten.map((part) => ({ ref: refOf(part), to: undefined }));
  await moveRefs(repository, moves, `forget ${name}`);
}

/** Forgets all that is known of all branches of a remote. */
export async function forgetRemote(repository: Repository, name: string): Promise<void> {
  const found = await Promise.all(parts.map((part) => listRefs(repository.gitDir, `${places[part]}/${name}`)));
  const moves = found.flatMap((refs) => [...refs.keys()]).map((ref) => ({ ref, to: undefined }));
  if (moves.length > 0) await moveRefs(repository, moves, `remove ${name}`);
  // What is damaged is none of these.
  for (const part of parts) await rm(join(repository.commonDir, places[part], name), { recursive: true, force: true });
}
