import type { Child, Directory, Value } from './directory.ts';
import { layouts } from './layout.ts';
import { decodeLong, longName } from './long.ts';
import type { Oid } from './objects.ts';
import { keyAt, latin1, type Place, placeOf } from './paths.ts';
import { childPlace, type Entry, nodeAt, openChild, openTop, type Snapshot, whereIs } from './walk.ts';

/** One node that is not the same in two snapshots. A node that is in one only has the other side undefined. */
export interface Change {
  readonly key: Uint8Array;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** What happened to the node of a change. */
export function kindOf({ before, after }: Change): 'added' | 'changed' | 'removed' {
  return before ? (after ? 'changed' : 'removed') : 'added';
}

/**
 * Visits every node that differs between two snapshots, parents before children and siblings in byte order; very long
 * keys come last. Values and attributes are compared by id, so equal directories cost nothing, and a value that was
 * encrypted anew counts as different. Keys are those of `after` where the roots differ: nodes are paired by their place.
 */
export async function diffSnapshots(before: Snapshot, after: Snapshot, visit: (change: Change) => void): Promise<void> {
  if (before.tree === after.tree) return;
  const [tops, nextTops] = await Promise.all([openTop(before), openTop(after)]);
  for (const relative of [false, true]) {
    const place = { relative, segments: [] };
    const find = (top: typeof tops) => top.tries.find((trie) => trie.place.relative === relative)?.directory;
    await diffDirectories(place, find(tops), find(nextTops));
  }
  if (tops.long !== nextTops.long) await diffLong(tops.long, nextTops.long);

  async function diffDirectories(place: Place, a: Directory | undefined, b: Directory | undefined): Promise<void> {
    report(a && nodeAt(place, a.own, before.manifest), b && nodeAt(place, b.own, after.manifest));

    const segments = new Set([...(a?.children.keys() ?? []), ...(b?.children.keys() ?? [])]);
    for (const segment of [...segments].sort()) {
      const [was, is] = [a?.children.get(segment), b?.children.get(segment)];
      if (was?.tree !== undefined && was.tree === is?.tree) continue;
      const inner = childPlace(place, segment);
      if (was?.tree === undefined && is?.tree === undefined) {
        report(was && nodeAt(inner, was, before.manifest), is && nodeAt(inner, is, after.manifest));
        continue;
      }
      await diffDirectories(inner, await open(was, before, inner), await open(is, after, inner));
    }
  }

  async function open(
    child: Child | undefined,
    { source, store }: Snapshot,
    place: Place,
  ): Promise<Directory | undefined> {
    return child && openChild(child, source, whereIs(store, place));
  }

  async function diffLong(a: Oid | undefined, b: Oid | undefined): Promise<void> {
    const [was, is] = await Promise.all([longEntries(a, before), longEntries(b, after)]);
    for (const place of new Set([...was.keys(), ...is.keys()])) report(was.get(place), is.get(place));
  }

  function report(was: Entry | undefined, is: Entry | undefined): void {
    const key = (is ?? was)?.key;
    if (key && !(was && is && sameEntry(was, is))) visit({ key, before: was, after: is });
  }
}

/** Whether two entries have the same value and attributes, as far as their ids tell. */
export function sameEntry(a: Entry, b: Entry): boolean {
  return sameValue(a.value, b.value) && a.attributes === b.attributes;
}

function sameValue(a: Value | null, b: Value | null): boolean {
  return a === null || b === null ? a === b : a.oid === b.oid && a.encrypted === b.encrypted;
}

/** The entries with very long keys, by their key without root. */
async function longEntries(tree: Oid | undefined, { manifest, source, store }: Snapshot): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  if (tree === undefined) return entries;

  const layout = layouts[manifest.service];
  for (const node of await decodeLong(tree, source, `${store}/${longName}`)) {
    const place = placeOf(node.key, new Uint8Array(), layout);
    if (place) entries.set(latin1(node.key), { ...node, key: keyAt(place, manifest.root, layout) });
  }
  return entries;
}
