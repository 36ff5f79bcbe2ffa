import { type Child, encodeDirectory, type Own, type Value } from './directory.ts';
import type { Layout } from './layout.ts';
import { encodeLong, type LongNode, longName } from './long.ts';
import { directoryMode, fileMode, type ObjectSink, type Oid, type TreeEntry } from './objects.ts';
import { isLong, keyAt, latin1, type Place, placeOfName, shortestLong } from './paths.ts';
import { encodeTree } from './tree.ts';

/** Where a builder's nodes come from and where its trees go. */
export interface BuildInput {
  readonly layout: Layout;
  readonly root: Uint8Array;
  readonly sink: ObjectSink;
  /** Keys come in ascending byte order, so that a directory can be closed as soon as a key outside of it comes. */
  readonly ordered: boolean;
}

/** Builds the tree of a store from its nodes. The tree depends on the nodes alone, never on their order. */
export interface TreeBuilder {
  /** Nodes so far. */
  readonly count: number;
  /** A node with its value (`null`: without data) and attributes, both already in the sink. */
  add(key: Uint8Array, value: Value | null, attributes: Oid | undefined): void;
  /** Everything at and below `key`, as it lies in a tree already: so many nodes. */
  graft(key: Uint8Array, tree: Oid, nodes: number): void;
  /**
   * The node at `key`, where a whole directory can be grafted there, with the node in it: it is not the store's own, and
   * nothing was added below it. `undefined` where it cannot.
   */
  ownAt(key: Uint8Array): Own | undefined;
  /** The tree of the whole store, with its manifest. The builder is spent afterwards. */
  finish(manifest: Oid): Oid;
}

/** A place in the tree while it is being built. Mutable, since there is one for each node. */
interface Slot {
  value: Value | null | undefined;
  attributes: Oid | undefined;
  children: Map<string, Slot> | undefined;
  /** Set once the directory is closed; `value` and `attributes` lie in it. */
  tree: Oid | undefined;
}

/** One tree of slots with the path that is open in it. */
interface Trie {
  readonly top: Slot;
  segments: readonly string[];
  slots: Slot[];
}

export function buildTree({ layout, root, sink, ordered }: BuildInput): TreeBuilder {
  // Keys with and without a leading `/` interleave in byte order, so each kind has an open path of its own.
  const absolute = newTrie();
  const relative = newTrie();
  const long: LongNode[] = [];
  let count = 0;
  let lastDirectory = '';
  let lastSlot = absolute.top;

  /** The slot of a key. Most keys lie in the same directory as the one before, which then is not looked for again. */
  function slotFor(name: string): Slot {
    const slash = name.lastIndexOf('/') + 1;
    const directory = name.slice(0, slash);
    const isRoot = slash === name.length && layout.keys === 'absolute';
    if (slash > 0 && directory === lastDirectory && !isRoot) return childOf(lastSlot, name.slice(slash));

    const { relative: isRelative, segments } = placeIn(name);
    const trie = isRelative ? relative : absolute;
    const last = segments.at(-1);
    if (last === undefined) return trie.top;
    [lastDirectory, lastSlot] = [directory, openDirectory(trie, segments.slice(0, -1))];
    return childOf(lastSlot, last);
  }

  function openDirectory(trie: Trie, segments: readonly string[]): Slot {
    const shared = sharedDepth(trie.segments, segments);
    if (ordered) for (let depth = trie.slots.length - 1; depth >= shared; depth--) close(trie.slots[depth]);
    trie.slots.length = shared;
    trie.segments = segments;

    let slot = trie.slots[shared - 1] ?? trie.top;
    for (const segment of segments.slice(shared)) {
      slot = childOf(slot, segment);
      trie.slots.push(slot);
    }
    return slot;
  }

  /** Turns a directory, or a leaf without data, into its tree. A leaf with a value stays what it is. */
  function close(slot: Slot | undefined): void {
    if (!slot || slot.tree !== undefined || (!slot.children && slot.value)) return;
    slot.tree = sink.tree(encodeTree(directoryEntries(slot)));
    slot.children = undefined;
  }

  function directoryEntries(slot: Slot): TreeEntry[] {
    const children = slot.children ?? noChildren;
    for (const child of children.values()) close(child);
    // Once it is closed, a slot is a child: it has a tree, or a value that is none.
    return encodeDirectory({ own: slot, children: children as ReadonlyMap<string, Child> }, sink);
  }

  return {
    get count() {
      return count;
    },

    add(key, value, attributes) {
      count += 1;
      const name = latin1(key);
      const place = name.length > shortestLong ? placeIn(name) : undefined;
      if (place && isLong(place)) {
        long.push({ key: keyAt(place, new Uint8Array(), layout), value, attributes });
        return;
      }
      const slot = slotFor(name);
      slot.value = value;
      slot.attributes = attributes;
    },

    graft(key, tree, nodes) {
      count += nodes;
      slotFor(latin1(key)).tree = tree;
    },

    ownAt(key) {
      const { relative: isRelative, segments } = placeIn(latin1(key));
      if (segments.length === 0) return undefined;
      let slot: Slot | undefined = isRelative ? relative.top : absolute.top;
      for (const segment of segments) slot = slot?.children?.get(segment);
      if (slot?.children || slot?.tree !== undefined) return undefined;
      return { value: slot?.value, attributes: slot?.attributes };
    },

    finish(manifest) {
      // The root of a store is never marked as a leaf without data: its directory is always there.
      if (absolute.top.value === null) absolute.top.value = undefined;
      const entries = directoryEntries(absolute.top);
      if (relative.top.children) {
        entries.push({ mode: directoryMode, name: '%rel', oid: sink.tree(encodeTree(directoryEntries(relative.top))) });
      }
      if (long.length > 0) entries.push({ mode: directoryMode, name: longName, oid: encodeLong(long, sink) });
      entries.push({ mode: fileMode, name: '%store.json', oid: manifest });
      return sink.tree(encodeTree(entries));
    },
  };

  function placeIn(name: string): Place {
    const place = placeOfName(name, root, layout);
    if (!place) throw new Error(`the key ${name} is not below the root ${latin1(root)}`);
    return place;
  }
}

const noChildren: ReadonlyMap<string, Slot> = new Map();

function newTrie(): Trie {
  return { top: newSlot(), segments: [], slots: [] };
}

function newSlot(): Slot {
  return { value: undefined, attributes: undefined, children: undefined, tree: undefined };
}

function childOf(parent: Slot, segment: string): Slot {
  if (parent.tree !== undefined)
    throw new Error('a key came after its directory was closed: the service is not ordered');
  parent.children ??= new Map();
  let child = parent.children.get(segment);
  if (!child) {
    child = newSlot();
    parent.children.set(segment, child);
  }
  return child;
}

function sharedDepth(a: readonly string[], b: readonly string[]): number {
  let depth = 0;
  while (depth < a.length && depth < b.length && a[depth] === b[depth]) depth++;
  return depth;
}
