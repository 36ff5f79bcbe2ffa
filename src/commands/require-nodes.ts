import { TreekeeperError } from '../errors.ts';
import { formatKey } from '../report/key.ts';
import { hasNodes, type Snapshot } from '../snapshot/walk.ts';

/**
 * Throws `TreekeeperError('usage')` where a snapshot, named by `revision`, has nothing at and below a key: one that is
 * mistyped would be a success otherwise.
 */
export async function requireNodes(snapshot: Snapshot, key: Uint8Array, revision: string): Promise<void> {
  if (await hasNodes(snapshot, key)) return;
  throw new TreekeeperError('usage', `there is nothing at ${formatKey(key)} in ${revision} of ${snapshot.store}`, {
    hint: keysHint(snapshot, revision),
  });
}

/** Where to look for a key of a snapshot that was named by `revision`. */
export function keysHint({ store }: Snapshot, revision: string): string {
  return `\`treekeeper ls ${revision} --store ${store}\` lists the keys there are`;
}
