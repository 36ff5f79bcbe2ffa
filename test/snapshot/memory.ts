import { hashSink } from '../../src/git/hash-sink.ts';
import { OidSet } from '../../src/git/oid-set.ts';
import { buildTree } from '../../src/snapshot/build.ts';
import { type Kind, layouts } from '../../src/snapshot/layout.ts';
import { encodeManifest, type Manifest } from '../../src/snapshot/manifest.ts';
import type { ObjectSink, ObjectSource, Oid } from '../../src/snapshot/objects.ts';
import { decodeTree } from '../../src/snapshot/tree.ts';
import { type Entry, openSnapshot, type Snapshot, walkSnapshot } from '../../src/snapshot/walk.ts';

/** A repository's objects in memory, with every one of them at hand. */
export interface Memory extends ObjectSink, ObjectSource {
  readonly objects: Map<Oid, { readonly type: 'blob' | 'tree'; readonly content: Uint8Array }>;
}

export function memory(): Memory {
  const ids = hashSink(new OidSet());
  const objects: Memory['objects'] = new Map();
  const put = (type: 'blob' | 'tree', content: Uint8Array) => {
    const oid = ids[type](content);
    objects.set(oid, { type, content });
    return oid;
  };
  const get = (oid: Oid) => {
    const found = objects.get(oid);
    if (!found) throw new Error(`no object ${oid}`);
    return found.content;
  };
  return {
    objects,
    blob: (content) => put('blob', content),
    tree: (content) => put('tree', content),
    readTree: async (oid) => decodeTree(get(oid)),
    readBlob: async (oid) => get(oid),
  };
}

/** A node as these tests write it: key with one character per byte, value, attributes as text. */
export interface Item {
  readonly key: string;
  readonly value: string | null;
  readonly attributes?: string;
}

export function manifestOf(service: Kind, root = ''): Manifest {
  return { service, root: Buffer.from(root, 'latin1'), include: [], exclude: [], ephemeral: 'skip' };
}

/** Builds the tree of a store. */
export function build(store: ObjectSink, items: readonly Item[], manifest: Manifest, ordered = false): Oid {
  const builder = buildTree({ layout: layouts[manifest.service], root: manifest.root, sink: store, ordered });
  for (const { key, value, attributes } of items) {
    const stored = value === null ? null : { oid: store.blob(Buffer.from(value, 'latin1')), encrypted: false };
    builder.add(
      Buffer.from(key, 'latin1'),
      stored,
      attributes === undefined ? undefined : store.blob(Buffer.from(attributes)),
    );
  }
  return builder.finish(store.blob(encodeManifest(manifest)));
}

export async function open(store: Memory, tree: Oid): Promise<Snapshot> {
  return openSnapshot('store', tree, store);
}

/** Everything in a snapshot, in the order of the walk. */
export async function walk(snapshot: Snapshot, below?: string): Promise<Item[]> {
  const entries: Entry[] = [];
  await walkSnapshot(
    snapshot,
    (entry) => entries.push(entry),
    below === undefined ? undefined : Buffer.from(below, 'latin1'),
  );
  const items: Item[] = [];
  for (const { key, value, attributes } of entries) {
    items.push({
      key: Buffer.from(key).toString('latin1'),
      value: value && Buffer.from(await snapshot.source.readBlob(value.oid)).toString('latin1'),
      ...(attributes !== undefined && {
        attributes: Buffer.from(await snapshot.source.readBlob(attributes)).toString(),
      }),
    });
  }
  return items;
}

/** The paths of all files below a tree. */
export async function paths(store: Memory, tree: Oid, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for (const { mode, name, oid } of await store.readTree(tree)) {
    if (mode === '40000') found.push(...(await paths(store, oid, `${prefix}${name}/`)));
    else found.push(prefix + name);
  }
  return found;
}

export function byKey(a: Item, b: Item): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
