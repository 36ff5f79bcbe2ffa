import type { ObjectReader } from '../git/reader.ts';
import { directoryMode, type Oid } from '../snapshot/objects.ts';
import type { Moment } from './history.ts';

/** The directory at the top of a repository that has the public keys: no store can be called so. */
export const keysName = '%keys';

/** The public keys in a repository, and the tree that they are in. */
export async function repositoryKeys(
  reader: ObjectReader,
  moment: Moment | undefined,
): Promise<{ readonly kept: ReadonlyMap<string, Uint8Array>; readonly tree: Oid | undefined }> {
  const kept = new Map<string, Uint8Array>();
  const top = moment ? await reader.readTree(moment.commit.tree) : [];
  const directory = top.find(({ name, mode }) => name === keysName && mode === directoryMode);
  for (const { name, oid } of directory ? await reader.readTree(directory.oid) : []) {
    const [, fingerprint] = /^([0-9A-F]{40})\.asc$/.exec(name) ?? [];
    if (fingerprint !== undefined) kept.set(fingerprint, await reader.readBlob(oid));
  }
  return { kept, tree: directory?.oid };
}
