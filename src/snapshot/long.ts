import { createHash } from 'node:crypto';
import { TreekeeperError } from '../errors.ts';
import { attributesSuffix, decodeDirectory, encryptedSuffix, nullName, type Value } from './directory.ts';
import { directoryMode, fileMode, type ObjectSink, type ObjectSource, type Oid, type TreeEntry } from './objects.ts';
import { encodeTree } from './tree.ts';

/*
 * Rule 8 of the format: a node whose path would be too long for some system lies by the hash of its key, flat, with
 * the key itself in a file beside it: `%long/<2 hex>/<sha256>` and `%long/<2 hex>/<sha256>%key`.
 */

export const longName = '%long';
const keySuffix = '%key';

export interface LongNode {
  /** As it would be without a root. */
  readonly key: Uint8Array;
  readonly value: Value | null;
  readonly attributes: Oid | undefined;
}

/** The tree `%long` for these nodes. */
export function encodeLong(nodes: readonly LongNode[], sink: ObjectSink): Oid {
  const byHash = new Map<string, TreeEntry[]>();
  for (const node of nodes) {
    const [, start = '', name = ''] = longPath(node.key);
    const entries = byHash.get(start) ?? [];
    byHash.set(start, entries);
    entries.push({ mode: fileMode, name: name + keySuffix, oid: sink.blob(node.key, 'keep') });
    addNode(entries, name, node, sink);
  }

  const directories: TreeEntry[] = [];
  for (const [name, entries] of byHash) {
    directories.push({ mode: directoryMode, name, oid: sink.tree(encodeTree(entries)) });
  }
  return sink.tree(encodeTree(directories));
}

/** The nodes of a tree `%long`, ordered by hash. Throws `TreekeeperError('integrity')` on what `encodeLong` does not make. */
export async function decodeLong(tree: Oid, source: ObjectSource, where: string): Promise<LongNode[]> {
  const nodes: LongNode[] = [];
  for (const directory of await source.readTree(tree)) {
    if (directory.mode !== directoryMode) throw damaged(where, directory.name);
    const entries = await source.readTree(directory.oid);
    const keys = new Map<string, Oid>();
    for (const { mode, name, oid } of entries) {
      if (!name.endsWith(keySuffix)) continue;
      if (mode !== fileMode) throw damaged(where, name);
      keys.set(name.slice(0, -keySuffix.length), oid);
    }

    const rest = entries.filter(({ name }) => !name.endsWith(keySuffix));
    const { own, children } = await decodeDirectory(rest, source, `${where}/${directory.name}`);
    if (own.value !== undefined || own.attributes !== undefined || children.size !== keys.size || keys.size === 0)
      throw damaged(where, directory.name);

    for (const [name, child] of children) {
      const keyOid = keys.get(name);
      const key = keyOid === undefined ? undefined : await source.readBlob(keyOid);
      if (!key || hashOf(key) !== name || name.slice(0, 2) !== directory.name) throw damaged(where, name);
      if (child.tree === undefined) {
        nodes.push({ key, value: child.value, attributes: child.attributes });
        continue;
      }
      const leaf = await decodeDirectory(await source.readTree(child.tree), source, `${where}/${name}`);
      if (leaf.own.value !== null || leaf.children.size > 0) throw damaged(where, name);
      nodes.push({ key, value: null, attributes: leaf.own.attributes });
    }
  }
  if (nodes.length === 0) throw new TreekeeperError('integrity', `${where} is a directory that holds no node`);
  return nodes;
}

/** The path below a store of the node with this key, which is as it would be without a root. */
export function longPath(key: Uint8Array): readonly string[] {
  const name = hashOf(key);
  return [longName, name.slice(0, 2), name];
}

function addNode(entries: TreeEntry[], name: string, { value, attributes }: LongNode, sink: ObjectSink): void {
  const attributesEntry = (prefix: string): TreeEntry[] =>
    attributes === undefined ? [] : [{ mode: fileMode, name: prefix + attributesSuffix, oid: attributes }];
  if (value) {
    entries.push({ mode: fileMode, name: value.encrypted ? name + encryptedSuffix : name, oid: value.oid });
    entries.push(...attributesEntry(name));
    return;
  }
  const leaf = [{ mode: fileMode, name: nullName, oid: sink.blob(new Uint8Array()) }, ...attributesEntry('')];
  entries.push({ mode: directoryMode, name, oid: sink.tree(encodeTree(leaf)) });
}

function hashOf(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex');
}

function damaged(where: string, name: string): TreekeeperError {
  return new TreekeeperError('integrity', `${where}/${name} is not a node with its key`, {
    hint: 'the repository was changed by something other than treekeeper, or is damaged; `treekeeper check` tells more',
  });
}
