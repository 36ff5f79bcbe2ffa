import { attributesSuffix, encryptedSuffix, nullName, type Own, valueName } from './directory.ts';
import { layouts } from './layout.ts';
import { longName, longPath } from './long.ts';
import { decodeManifest, type Manifest, manifestName } from './manifest.ts';
import { encodeSegment } from './names.ts';
import { directoryMode, type Oid, type TreeEntry } from './objects.ts';
import { isLong, keyAt, placeOf } from './paths.ts';
import { findEntries } from './tree.ts';
import { type Entry, nodeAt, relativeName } from './walk.ts';

/** What a store has at a key. Where the ids are the same, so is everything at and below it. */
export interface Trace {
  readonly entry: Entry | undefined;
  /** The directory of the node, where it has one. */
  readonly subtree: Oid | undefined;
  /** Where the very long keys of the store are, some of which may be below this one. */
  readonly long: Oid | undefined;
}

/** What a step of the path may be called: each the pieces of a name, of which all but the last are directories. */
type Spellings = readonly (readonly string[])[];

interface Found {
  readonly own: Own | undefined;
  readonly subtree: Oid | undefined;
}

/** Results that are kept. A history shows its trees in order, so those that come again come soon. */
const mostKept = 5_000;

/**
 * Follows one key through the trees of a store, of which a history has thousands: the answer tells what one of them has
 * there, `undefined` where it is no store's. Only the few names that the key can have are looked for, and equal trees are
 * looked into once; whether their other entries are of the format is for `walkSnapshot` to say. `read` answers the content
 * of an object. Throws as `decodeManifest` does.
 */
export function traceKey(
  key: Uint8Array,
  store: string,
  read: (oid: Oid) => Promise<Uint8Array>,
): (tree: Oid) => Promise<Trace | undefined> {
  const traces = new Map<Oid, Promise<Trace | undefined>>();
  const kept = new Map<string, Promise<Found>>();
  const manifests = new Map<Oid, Promise<Manifest>>();
  const topNames = [manifestName, longName].map((name) => Buffer.from(name));
  return (tree) => remember(traces, tree, () => trace(tree));

  async function trace(tree: Oid): Promise<Trace | undefined> {
    const content = await read(tree);
    const top = findEntries(content, topNames);
    const manifestOid = top.find(({ name }) => name === manifestName)?.oid;
    if (manifestOid === undefined) return undefined;
    const manifest = await remember(manifests, manifestOid, async () => decodeManifest(await read(manifestOid), store));
    const long = top.find(({ name, mode }) => name === longName && mode === directoryMode)?.oid;

    const layout = layouts[manifest.service];
    const place = placeOf(key, manifest.root, layout);
    if (!place) return { entry: undefined, subtree: undefined, long };
    const inLong = isLong(place);
    const path: Spellings[] = inLong
      ? longPath(keyAt(place, new Uint8Array(), layout)).map((name) => [[name]])
      : [...(place.relative ? [[[relativeName]]] : []), ...place.segments.map(spellingsOf)];
    const { own, subtree } = await look(content, path, tree);
    return { entry: own && nodeAt(place, own, manifest), subtree: inLong ? undefined : subtree, long };
  }

  function enter(tree: Oid, path: readonly Spellings[]): Promise<Found> {
    return remember(kept, `${path.length} ${tree}`, async () => look(await read(tree), path, tree));
  }

  async function look(content: Uint8Array, [spellings, ...rest]: readonly Spellings[], tree: Oid): Promise<Found> {
    if (!spellings) return { own: ownIn(content), subtree: tree };
    for (const pieces of spellings) {
      const last = pieces.at(-1) ?? '';
      const directory = await descend(content, pieces.slice(0, -1));
      const entries = directory ? findEntries(directory, namesAt(last, rest.length === 0)) : [];
      const inner = entries.find(({ name, mode }) => name === last && mode === directoryMode);
      if (inner) return enter(inner.oid, rest);
      const own = entries.length > 0 && rest.length === 0 ? ownOf(entries, last, last) : undefined;
      if (own) return { own, subtree: undefined };
    }
    return { own: undefined, subtree: undefined };
  }

  async function descend(content: Uint8Array, pieces: readonly string[]): Promise<Uint8Array | undefined> {
    let at = content;
    for (const piece of pieces) {
      const [entry] = findEntries(at, [Buffer.from(piece)]);
      if (!entry) return undefined;
      at = await read(entry.oid);
    }
    return at;
  }
}

function remember<Result>(
  known: Map<string, Promise<Result>>,
  name: string,
  make: () => Promise<Result>,
): Promise<Result> {
  const result = known.get(name) ?? make();
  if (known.size > mostKept) known.clear();
  known.set(name, result);
  return result;
}

/** Which of two spellings it is depends on the siblings (rule 6), which differ from snapshot to snapshot. */
function spellingsOf(segment: string): Spellings {
  const [stands, escaped] = [encodeSegment(segment, 'stand'), encodeSegment(segment, 'escaped')];
  return stands.join() === escaped.join() ? [stands] : [stands, escaped];
}

function namesAt(name: string, isLast: boolean): Uint8Array[] {
  const names = isLast ? [name, name + encryptedSuffix, name + attributesSuffix] : [name];
  return names.map((text) => Buffer.from(text));
}

const ownNames = [valueName, valueName + encryptedSuffix, nullName, attributesSuffix].map((name) => Buffer.from(name));

function ownIn(content: Uint8Array): Own {
  const entries = findEntries(content, ownNames);
  const own = ownOf(entries, valueName, '');
  return own.value === undefined && entries.some(({ name }) => name === nullName) ? { ...own, value: null } : own;
}

function ownOf(entries: readonly TreeEntry[], name: string, prefix: string): Own {
  const oidOf = (wanted: string) => entries.find((entry) => entry.name === wanted)?.oid;
  const [plain, encrypted] = [oidOf(name), oidOf(name + encryptedSuffix)];
  const oid = plain ?? encrypted;
  return {
    value: oid === undefined ? undefined : { oid, encrypted: plain === undefined },
    attributes: oidOf(prefix + attributesSuffix),
  };
}
