import { join } from 'node:path';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { syncDirectory } from './durable.ts';
import { packChunk } from './pack.ts';
import { runGit } from './process.ts';
import type { ObjectType } from './reader.ts';
import type { Repository } from './repository.ts';

/* What concerns the shape of a history, and is asked of git itself, which has commit graphs for it. */

/** Whether one can go from `descendant` back to `ancestor`, or they are the same. */
export async function isAncestor({ gitDir }: Repository, ancestor: Oid, descendant: Oid): Promise<boolean> {
  if (ancestor === descendant) return true;
  const args = ['merge-base', '--is-ancestor', ancestor, descendant];
  return (await runGit({ gitDir, args, accept: [1] })).status === 0;
}

/** The last commit that both come from; `undefined` where they have nothing in common. */
export async function mergeBase({ gitDir }: Repository, a: Oid, b: Oid): Promise<Oid | undefined> {
  const { stdout } = await runGit({ gitDir, args: ['merge-base', a, b], accept: [1] });
  return stdout.toString().trim() || undefined;
}

/** The commits after `from`, or from the first one, up to `to`: oldest first, along the first parents. */
export async function listCommits({ gitDir }: Repository, from: Oid | undefined, to: Oid): Promise<Oid[]> {
  const range = from === undefined ? [to] : [to, `^${from}`];
  const { stdout } = await runGit({ gitDir, args: ['rev-list', '--first-parent', '--reverse', ...range] });
  return stdout.toString().split('\n').filter(Boolean);
}

/**
 * Writes a few objects that refer to what the repository has, as one pack, durably. Nothing is locked and nothing is in the way of
 * another run: until a ref names them, nobody sees them.
 */
export async function writeObjects(
  { gitDir, commonDir }: Repository,
  objects: readonly { readonly type: ObjectType; readonly content: Uint8Array }[],
): Promise<void> {
  if (objects.length === 0) return;
  const chunk = packChunk(64 * 1024);
  for (const { type, content } of objects) chunk.add(type, content);
  await runGit({ gitDir, args: ['index-pack', '--stdin', '--strict'], input: chunk.finish() });
  // git syncs the files, and not what names them
  const directory = join(commonDir, 'objects', 'pack');
  await syncDirectory(directory).catch((cause) => {
    throw new TreekeeperError('failed', `cannot make ${directory} durable: ${reasonOf(cause)}`, { cause });
  });
}
