import { reasonOf, TreekeeperError } from '../errors.ts';
import { fsck } from '../git/upkeep.ts';
import { decodeJsonObject } from '../snapshot/attributes.ts';
import type { Oid } from '../snapshot/objects.ts';
import { openSnapshot, walkSnapshot } from '../snapshot/walk.ts';
import { storeTrees } from './history.ts';
import type { OpenRepository } from './open.ts';
import { listStores, resolveRevision } from './revision.ts';

/** What a check found about one store, or about the repository as a whole. */
export interface Finding {
  readonly store: string | undefined;
  readonly problem: string;
}

export interface CheckResult {
  readonly stores: readonly { readonly store: string; readonly nodes: number }[];
  readonly findings: readonly Finding[];
  /** Whether git itself looked at every object, of the whole history; without a git binary it cannot. */
  readonly fsck: boolean;
}

/**
 * Reads everything in the present snapshots: every name, manifest, attributes file and value, each proven against its id;
 * then lets git check the whole repository. Finds rather than throws, so that one damaged store does not hide another.
 */
export async function check(
  { repository, reader }: OpenRepository,
  onProgress?: (nodes: number) => void,
): Promise<CheckResult> {
  const findings: Finding[] = [];
  const stores: { store: string; nodes: number }[] = [];
  let total = 0;

  const tip = await resolveRevision(reader, repository, '');
  const trees = await storeTrees(reader, tip);
  for (const store of await listStores(reader, tip)) {
    let nodes = 0;
    try {
      nodes = await checkStore(store, trees.get(store) ?? '');
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError)) throw thrown;
      findings.push({ store, problem: reasonOf(thrown) });
    }
    stores.push({ store, nodes });
  }

  const problems = await fsck(repository);
  for (const problem of problems ?? []) findings.push({ store: undefined, problem });
  return { stores, findings, fsck: problems !== undefined };

  async function checkStore(store: string, tree: Oid): Promise<number> {
    const snapshot = await openSnapshot(store, tree, reader);
    const blobs = new Map<Oid, 'value' | 'attributes'>();
    let nodes = 0;
    await walkSnapshot(snapshot, ({ value, attributes }) => {
      nodes += 1;
      total += 1;
      onProgress?.(total);
      if (value && !blobs.has(value.oid)) blobs.set(value.oid, 'value');
      if (attributes !== undefined) blobs.set(attributes, 'attributes');
    });

    const all = [...blobs];
    for (let start = 0; start < all.length; start += readAhead) {
      await Promise.all(all.slice(start, start + readAhead).map(([oid, kind]) => checkBlob(store, oid, kind)));
    }
    return nodes;
  }

  async function checkBlob(store: string, oid: Oid, kind: 'value' | 'attributes'): Promise<void> {
    try {
      const content = await reader.readBlob(oid);
      if (kind === 'attributes') decodeJsonObject(content, `the attributes ${oid.slice(0, 10)}`);
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError)) throw thrown;
      findings.push({ store, problem: reasonOf(thrown) });
    }
  }
}

/** Values in flight: enough to keep git busy, few enough to stay small. */
const readAhead = 256;
