import { TreekeeperError } from '../errors.ts';
import { type AheadSource, siblingsAhead, treesAhead } from './ahead.ts';
import { sameBytes } from './bytes.ts';
import { type Child, type Directory, decodeDirectory, type Own, type Value } from './directory.ts';
import { type Layout, layouts } from './layout.ts';
import { decodeLong, longName } from './long.ts';
import { decodeManifest, type Manifest, manifestName } from './manifest.ts';
import { directoryMode, fileMode, type ObjectSource, type Oid, type TreeEntry } from './objects.ts';
import { isLong, keyAt, latin1, type Place, placeOf } from './paths.ts';

/** One node of a snapshot, with its contents by id. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Value | null;
  readonly attributes: Oid | undefined;
}

/** What a node is, wherever it is. */
export type Content = Pick<Entry, 'value' | 'attributes'>;

/** A store at one commit, opened for reading. */
export interface Snapshot {
  /** The store's name, for messages. */
  readonly store: string;
  readonly tree: Oid;
  readonly manifest: Manifest;
  readonly source: ObjectSource;
}

/** A directory of a snapshot with what leads to it. */
export interface Opened {
  readonly directory: Directory;
  readonly place: Place;
}

export const relativeName = '%rel';

/** Reads the manifest of the store whose directory is `tree`. Throws as `decodeManifest` does. */
export async function openSnapshot(store: string, tree: Oid, source: ObjectSource): Promise<Snapshot> {
  const entry = (await source.readTree(tree)).find(({ name }) => name === manifestName);
  if (entry?.mode !== fileMode) {
    throw new TreekeeperError('integrity', `the directory ${store} is not a store: it has no ${manifestName}`);
  }
  return { store, tree, manifest: decodeManifest(await source.readBlob(entry.oid), store), source };
}

/**
 * Visits every node at and below `below` (all of them without it), parents before children and siblings in byte order;
 * the few with very long keys come last. Throws `TreekeeperError('integrity')` at the first thing that is not of the format.
 */
export async function walkSnapshot(
  snapshot: Snapshot,
  visit: (entry: Entry) => void,
  below?: Uint8Array,
): Promise<void> {
  const { manifest, source, store } = snapshot;
  const ahead = { ...snapshot, source: treesAhead(source) };
  const layout = layouts[manifest.service];
  const from = below === undefined ? undefined : placeBelow(below, manifest, layout);
  if (below !== undefined && from === undefined) return;
  const top = await openTop(snapshot);

  for (const trie of top.tries) {
    if (from && from.relative !== trie.place.relative) continue;
    const opened = await descend(trie, from?.segments ?? [], snapshot);
    if (opened) await walkDirectory(opened, ahead, visit);
  }

  if (top.long === undefined) return;
  for (const node of await decodeLong(top.long, source, `${store}/${longName}`)) {
    const place = placeOf(node.key, new Uint8Array(), layout);
    if (place && (!from || isBelow(place, from))) visit({ ...node, key: keyAt(place, manifest.root, layout) });
  }
}

/** Whether a snapshot has any node at or below a key, as `walkSnapshot` takes it. The root is always there. */
export async function hasNodes(snapshot: Snapshot, below: Uint8Array): Promise<boolean> {
  const { manifest } = snapshot;
  const layout = layouts[manifest.service];
  const place = placeBelow(below, manifest, layout);
  if (!place) return false;
  if (place.segments.length === 0) return true;
  const { entry, subtree } = await findNode(snapshot, keyAt(place, manifest.root, layout));
  if (entry || subtree !== undefined) return true;
  // Nodes with very long keys are in no tree of that name.
  let found = false;
  const see = () => {
    found = true;
  };
  await walkSnapshot(snapshot, see, below);
  return found;
}

/** The node and the subtree at a key, each `undefined` where the snapshot has none. */
export async function findNode(
  snapshot: Snapshot,
  key: Uint8Array,
): Promise<{ entry: Entry | undefined; subtree: Oid | undefined }> {
  const { manifest, source, store } = snapshot;
  const layout = layouts[manifest.service];
  const place = placeOf(key, manifest.root, layout);
  const top = await openTop(snapshot);
  if (!place) return { entry: undefined, subtree: undefined };

  if (isLong(place)) {
    const nodes = top.long === undefined ? [] : await decodeLong(top.long, source, `${store}/${longName}`);
    const unrooted = keyAt(place, new Uint8Array(), layout);
    const node = nodes.find((candidate) => sameBytes(candidate.key, unrooted));
    return { entry: node && { ...node, key }, subtree: undefined };
  }

  const trie = top.tries.find((candidate) => candidate.place.relative === place.relative);
  const parent = trie && (await descend(trie, place.segments.slice(0, -1), snapshot));
  const last = place.segments.at(-1);
  if (!parent || last === undefined)
    return { entry: parent && nodeAt(place, parent.directory.own, manifest), subtree: undefined };

  const child = parent.directory.children.get(last);
  const directory = child && (await openChild(child, source, whereIs(store, place)));
  return { entry: directory && nodeAt(place, directory.own, manifest), subtree: child?.tree };
}

/** The parts of a store's own directory: the directories that keys begin in, and the tree of the very long ones. */
export async function openTop({ source, store, tree }: Snapshot): Promise<{ tries: Opened[]; long: Oid | undefined }> {
  const marked = new Map<string, TreeEntry>();
  const rest: TreeEntry[] = [];
  for (const entry of await source.readTree(tree)) {
    if (
      entry.name === manifestName ||
      ([longName, relativeName].includes(entry.name) && entry.mode === directoryMode)
    ) {
      marked.set(entry.name, entry);
    } else {
      rest.push(entry);
    }
  }

  const tries: Opened[] = [
    { directory: await decodeDirectory(rest, source, store), place: { relative: false, segments: [] } },
  ];
  const relative = marked.get(relativeName);
  if (relative) {
    const directory = await openChild({ tree: relative.oid }, source, `${store}/${relativeName}`);
    tries.push({ directory, place: { relative: true, segments: [] } });
  }
  return { tries, long: marked.get(longName)?.oid };
}

/** A child as a directory; a leaf is one without children. Throws `TreekeeperError('integrity')` on an empty directory. */
export async function openChild(child: Child, source: ObjectSource, where: string): Promise<Directory> {
  if (child.tree === undefined) return { own: child, children: new Map() };
  return decodeChild(await source.readTree(child.tree), source, where);
}

/** The directory of a child whose entries were read. Throws as `openChild` does. */
export async function decodeChild(
  entries: readonly TreeEntry[],
  source: ObjectSource,
  where: string,
): Promise<Directory> {
  const directory = await decodeDirectory(entries, source, where);
  if (directory.children.size === 0 && directory.own.value === undefined) {
    throw new TreekeeperError('integrity', `${where} is a directory that holds no node`);
  }
  return directory;
}

/** The node that a directory stands for, if it stands for one. */
export function nodeAt(place: Place, own: Own, manifest: Manifest): Entry | undefined {
  const layout = layouts[manifest.service];
  const isRoot = place.segments.length === 0;
  const implied =
    layout.parents === 'nodes' && (isRoot ? layout.keys === 'absolute' : !place.relative) ? null : undefined;
  const value = own.value === undefined ? implied : own.value;
  if (value === undefined && own.attributes === undefined) return undefined;
  if (value === undefined)
    throw new TreekeeperError('integrity', `${place.segments.join('/')} has attributes and is no node`);
  return { key: keyAt(place, manifest.root, layout), value, attributes: own.attributes };
}

export function childPlace({ relative, segments }: Place, segment: string): Place {
  return { relative, segments: [...segments, segment] };
}

/** For messages: where in the repository a place is, near enough to find it. */
export function whereIs(store: string, { segments }: Place): string {
  return [store, ...segments].join('/');
}

/** The directory at `segments` below another one, or `undefined` where there is none. */
export async function descend(
  trie: Opened,
  segments: readonly string[],
  { source, store }: Snapshot,
): Promise<Opened | undefined> {
  let { directory, place } = trie;
  for (const segment of segments) {
    const child = directory.children.get(segment);
    if (!child) return undefined;
    place = childPlace(place, segment);
    directory = await openChild(child, source, whereIs(store, place));
  }
  return { directory, place };
}

/** A directory is left before the next one is opened, since each may be wide. */
async function walkDirectory(
  { directory, place }: Opened,
  snapshot: Snapshot & { readonly source: AheadSource },
  visit: (entry: Entry) => void,
): Promise<void> {
  const { manifest, source, store } = snapshot;
  const node = nodeAt(place, directory.own, manifest);
  if (node) visit(node);

  // Most nodes are leaves: what they have in common is put together once.
  const start = latin1(keyAt(childPlace(place, ''), manifest.root, layouts[manifest.service]));
  const children = [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1));
  const trees = children.flatMap(([, { tree }]) => tree ?? []);
  let opened = 0;
  for (const [segment, child] of children) {
    if (child.tree === undefined) {
      const { value, attributes } = child;
      visit({ key: Buffer.from(start + segment, 'latin1'), value, attributes });
      continue;
    }
    source.askFor(trees.slice(opened, opened + siblingsAhead));
    opened += 1;
    const inner = childPlace(place, segment);
    await walkDirectory(
      { place: inner, directory: await openChild(child, source, whereIs(store, inner)) },
      snapshot,
      visit,
    );
  }
}

/** A key that was given with or without a trailing slash, or as the root itself, names the subtree. */
export function placeBelow(key: Uint8Array, { root }: Manifest, layout: Layout): Place | undefined {
  const name = latin1(key);
  const trimmed = name.length > 1 && name.endsWith('/') ? Buffer.from(name.slice(0, -1), 'latin1') : key;
  return trimmed.length === 0 || name === '/' ? { relative: false, segments: [] } : placeOf(trimmed, root, layout);
}

/** Whether a place is `from` or below it. */
export function isBelow(place: Place, from: Place): boolean {
  return place.relative === from.relative && from.segments.every((segment, depth) => place.segments[depth] === segment);
}
