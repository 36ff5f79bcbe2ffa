import { readingAhead, siblingsAhead } from './ahead.ts';
import { sameBytes } from './bytes.ts';
import { differingEntries } from './differing.ts';
import { type Child, type Directory, decodePart, type Value } from './directory.ts';
import { type Layout, layouts } from './layout.ts';
import { decodeLong, longName } from './long.ts';
import type { Oid, TreeEntry } from './objects.ts';
import { keyAt, latin1, type Place, placeOf } from './paths.ts';
import {
  type Content,
  childPlace,
  decodeChild,
  type Entry,
  isBelow,
  nodeAt,
  openChild,
  openTop,
  placeBelow,
  type Snapshot,
  whereIs,
} from './walk.ts';

/**
 * One node that is not the same in two snapshots. A node that is in one only has the other side undefined. Where the
 * snapshots have different roots, `key` is what comes after them, and the sides have the whole keys.
 */
export interface Change {
  readonly key: Uint8Array;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** A directory with so many entries costs little to decode. */
const fewEntries = 8;

/** What happened to the node of a change. */
export function kindOf({ before, after }: Change): 'added' | 'changed' | 'removed' {
  return before ? (after ? 'changed' : 'removed') : 'added';
}

/** A snapshot, or `undefined` for the time before there was one. */
type Sided = Snapshot | undefined;

/**
 * Visits every node that differs between two snapshots, parents before children and siblings in byte order; very long
 * keys come last. Values and attributes are compared by id, so equal directories cost nothing, and a value that was
 * encrypted anew counts as different. Nodes are paired by what their keys have after the roots, whatever kinds of service
 * they are from; a directory that is a node without content in one kind and none in the other is no difference. With
 * `below` only nodes at and below that key, which may be whole or come after the root.
 */
export async function diffSnapshots(
  older: Sided,
  newer: Sided,
  visit: (change: Change) => void,
  below?: Uint8Array,
): Promise<void> {
  const [before, after] = [reading(older), reading(newer)];
  const either = after ?? before;
  if (!either || before?.tree === after?.tree) return;
  const from = below && commonPlace(below, before, after);
  if (below && !from) return;
  const namesRoots = before && after && !sameBytes(before.manifest.root, after.manifest.root);
  const keyOf = (place: Place) =>
    keyAt(place, namesRoots ? new Uint8Array() : either.manifest.root, layouts[either.manifest.service]);

  const [tops, nextTops] = await Promise.all([before && openTop(before), after && openTop(after)]);
  for (const relative of [false, true]) {
    if (from && from.relative !== relative) continue;
    const find = (top: typeof tops) => top?.tries.find((trie) => trie.place.relative === relative)?.directory;
    await diffDirectories({ relative, segments: [] }, find(tops), find(nextTops));
  }
  if (tops?.long !== nextTops?.long) await diffLong(tops?.long, nextTops?.long);

  async function diffDirectories(place: Place, a: Directory | undefined, b: Directory | undefined): Promise<void> {
    const next = from?.segments[place.segments.length];
    if (next === undefined) {
      const [was, is] = [a && own(place, a, before), b && own(place, b, after)];
      const isImplied = a && b && (was ?? is) && !(was && is) && isEmpty(was ?? is);
      if (!isImplied) report(place, was, is);
    }

    const segments = next === undefined ? differing(a, b) : [next];
    for (const [index, segment] of segments.entries()) {
      const [was, is] = [a?.children.get(segment), b?.children.get(segment)];
      if (was && is && sameChild(was, is)) continue;
      const inner = childPlace(place, segment);
      if (was?.tree === undefined && is?.tree === undefined) {
        const isWanted = !from || inner.segments.length >= from.segments.length;
        if (isWanted) report(inner, was && leaf(inner, was, before), is && leaf(inner, is, after));
        continue;
      }
      askFor(segments.slice(index, index + siblingsAhead), a, b);
      await diffDirectories(inner, ...(await openBoth(inner, was, is)));
    }
  }

  function askFor(segments: readonly string[], a: Directory | undefined, b: Directory | undefined): void {
    const treesOf = (directory: Directory | undefined) =>
      segments.flatMap((segment) => directory?.children.get(segment)?.tree ?? []);
    before?.source.askFor(treesOf(a));
    after?.source.askFor(treesOf(b));
  }

  async function openBoth(place: Place, was: Child | undefined, is: Child | undefined) {
    if (!before || !after || was?.tree === undefined || is?.tree === undefined)
      return await Promise.all([open(was, before, place), open(is, after, place)]);
    const [a, b] = await Promise.all([before.source.readTree(was.tree), after.source.readTree(is.tree)]);
    // Small ones are looked at whole: what holds no node is damaged.
    const isSmall = Math.min(a.length, b.length) <= fewEntries;
    const decode = isSmall ? decodeChild : decodePart;
    const [ofA, ofB] = isSmall ? [a, b] : differingEntries(a, b);
    const part = (entries: readonly TreeEntry[], { source, store }: Snapshot) =>
      decode(entries, source, whereIs(store, place));
    return await Promise.all([part(ofA, before), part(ofB, after)]);
  }

  async function diffLong(a: Oid | undefined, b: Oid | undefined): Promise<void> {
    const [was, is] = await Promise.all([longEntries(a, before), longEntries(b, after)]);
    for (const name of new Set([...was.keys(), ...is.keys()])) {
      const place = (is.get(name) ?? was.get(name))?.place;
      if (place && (!from || isBelow(place, from))) report(place, was.get(name)?.entry, is.get(name)?.entry);
    }
  }

  function report(place: Place, was: Entry | undefined, is: Entry | undefined): void {
    if ((was ?? is) && !(was && is && sameEntry(was, is))) visit({ key: keyOf(place), before: was, after: is });
  }
}

function reading(snapshot: Sided) {
  return snapshot && { ...snapshot, source: readingAhead(snapshot.source) };
}

/** The segments of the children that are not the same in both, in byte order. Of many children mostly few differ. */
function differing(a: Directory | undefined, b: Directory | undefined): string[] {
  const segments: string[] = [];
  for (const [segment, child] of a?.children ?? []) {
    const other = b?.children.get(segment);
    if (!other || !sameChild(child, other)) segments.push(segment);
  }
  for (const segment of b?.children.keys() ?? []) if (!a?.children.has(segment)) segments.push(segment);
  return segments.sort();
}

function sameChild(a: Child, b: Child): boolean {
  return a.tree !== undefined || b.tree !== undefined ? a.tree === b.tree : sameEntry(a, b);
}

/** Whether two entries have the same value and attributes, as far as their ids tell. */
export function sameEntry(a: Content, b: Content): boolean {
  return sameValue(a.value, b.value) && a.attributes === b.attributes;
}

function sameValue(a: Value | null, b: Value | null): boolean {
  return a === null || b === null ? a === b : a.oid === b.oid && a.encrypted === b.encrypted;
}

function isEmpty(entry: Entry | undefined): boolean {
  return entry?.value === null && entry.attributes === undefined;
}

/** A key as it is in the newer snapshot, in the older one, or after the roots of both. */
function commonPlace(key: Uint8Array, before: Sided, after: Sided): Place | undefined {
  // What begins with a slash is from the one whose keys do.
  const isAbsolute = key[0] === 0x2f;
  const isLikely = (snapshot: Snapshot) => (layoutOf(snapshot).keys === 'relative') !== isAbsolute;
  const sides = [after, before].flatMap((snapshot) => snapshot ?? []);
  const likely = [...sides.filter(isLikely), ...sides.filter((snapshot) => !isLikely(snapshot))];
  for (const snapshot of likely) {
    const place = placeBelow(key, snapshot.manifest, layoutOf(snapshot));
    if (place) return place;
  }
  return placeOf(key, new Uint8Array(), isAbsolute ? layouts.zookeeper : layouts.consul);
}

function layoutOf({ manifest }: Snapshot): Layout {
  return layouts[manifest.service];
}

function own(place: Place, directory: Directory, snapshot: Sided): Entry | undefined {
  return snapshot && nodeAt(place, directory.own, snapshot.manifest);
}

function leaf(place: Place, child: Child, snapshot: Sided): Entry | undefined {
  return child.tree === undefined && snapshot ? nodeAt(place, child, snapshot.manifest) : undefined;
}

async function open(child: Child | undefined, snapshot: Sided, place: Place): Promise<Directory | undefined> {
  return child && snapshot && openChild(child, snapshot.source, whereIs(snapshot.store, place));
}

interface LongEntry {
  readonly place: Place;
  readonly entry: Entry;
}

/** The entries with very long keys, by their key without root. */
async function longEntries(tree: Oid | undefined, snapshot: Sided): Promise<Map<string, LongEntry>> {
  const entries = new Map<string, LongEntry>();
  if (tree === undefined || !snapshot) return entries;

  const { manifest, source, store } = snapshot;
  const layout = layoutOf(snapshot);
  for (const node of await decodeLong(tree, source, `${store}/${longName}`)) {
    const place = placeOf(node.key, new Uint8Array(), layout);
    const entry = place && { ...node, key: keyAt(place, manifest.root, layout) };
    if (entry) entries.set(latin1(node.key), { place, entry });
  }
  return entries;
}
