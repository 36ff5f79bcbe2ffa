import type { Decryptor } from '../ciphers/cipher.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { OidSet } from '../git/oid-set.ts';
import type { ObjectReader } from '../git/reader.ts';
import { decodeJsonObject } from '../snapshot/attributes.ts';
import { layouts } from '../snapshot/layout.ts';
import { decodeLong, longName } from '../snapshot/long.ts';
import type { Oid } from '../snapshot/objects.ts';
import { keyAt, type Place, placeOf } from '../snapshot/paths.ts';
import {
  childPlace,
  type Entry,
  nodeAt,
  type Opened,
  openChild,
  openSnapshot,
  openTop,
  type Snapshot,
  whereIs,
} from '../snapshot/walk.ts';
import { proveSealed } from './prove-sealed.ts';

/** What is wrong with one thing in a store. */
export interface Finding {
  /** `undefined` for the repository as a whole. */
  readonly store: string | undefined;
  /** The first node that was found to have it; `undefined` for what belongs to none. */
  readonly key: Uint8Array | undefined;
  readonly problem: string;
}

export interface InspectOptions {
  /** Whether the value with this id is read. Names, manifests and attributes are in any case. */
  chooses(oid: Oid): boolean;
  /** Opens encrypted values; without it only their form is looked at. */
  readonly decryptor: Decryptor | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called with the number of nodes so far. */
  readonly onProgress: ((nodes: number) => void) | undefined;
}

export interface Inspector {
  /** Reads a snapshot, but for what it shares with those that were read before. Answers how many nodes it has. */
  inspect(store: string, tree: Oid): Promise<number>;
  readonly findings: readonly Finding[];
  /** Blobs and trees that are not as they should be. */
  readonly damaged: ReadonlySet<Oid>;
  /** Different values so far: read, and encrypted ones that were opened or could only be looked at. */
  readonly values: { known: number; read: number; opened: number; wellFormed: number };
}

/** Values in flight: enough to keep git busy, few enough to stay small. */
const readAhead = 256;

interface Content {
  readonly store: string;
  readonly key: Uint8Array;
  readonly oid: Oid;
  readonly kind: 'value' | 'sealed' | 'attributes';
}

/**
 * Reads snapshots and finds rather than throws, so that one damaged thing does not hide another. Whatever is the same in
 * several is read once: of a history, that is little more than its newest snapshot.
 */
export function openInspector(reader: ObjectReader, options: InspectOptions): Inspector {
  const { chooses, decryptor, signal, onProgress } = options;
  const findings: Finding[] = [];
  const damaged = new Set<Oid>();
  const values = { known: 0, read: 0, opened: 0, wellFormed: 0 };
  /** Nodes by the tree, and by what else its sense depends on. */
  const counts = new Map<string, number>();
  const seen = new OidSet();
  let waiting: Content[] = [];
  let total = 0;

  return { inspect, findings, damaged, values };

  async function inspect(store: string, tree: Oid): Promise<number> {
    const nodes = await attempt(0, tree, { store, key: undefined }, async () => {
      const snapshot = await openSnapshot(store, tree, reader);
      const top = await openTop(snapshot);
      let sum = 0;
      for (const trie of top.tries) sum += await inspectDirectory(trie, tree, snapshot);
      return sum + (top.long === undefined ? 0 : await inspectLong(top.long, snapshot));
    });
    await readContents();
    return nodes;
  }

  /** `tree` is what the directory was read from. */
  async function inspectDirectory({ directory, place }: Opened, tree: Oid, snapshot: Snapshot): Promise<number> {
    const { manifest } = snapshot;
    let nodes = await note(() => nodeAt(place, directory.own, manifest), tree, snapshot);
    const children = [...directory.children];
    for (let start = 0; start < children.length; start += readAhead) {
      signal?.throwIfAborted();
      const below: { tree: Oid; place: Place }[] = [];
      for (const [segment, child] of children.slice(start, start + readAhead)) {
        const inner = childPlace(place, segment);
        if (child.tree !== undefined) below.push({ tree: child.tree, place: inner });
        else nodes += await note(() => nodeAt(inner, child, manifest), tree, snapshot);
      }
      nodes += await inspectTrees(below, snapshot);
      if (waiting.length >= readAhead) await readContents();
    }
    return nodes;
  }

  async function inspectTrees(trees: readonly { tree: Oid; place: Place }[], snapshot: Snapshot): Promise<number> {
    const { store, manifest, source } = snapshot;
    const openings = trees.map(async ({ tree, place }) =>
      counts.has(memoName(tree, place, snapshot)) ? undefined : openChild({ tree }, source, whereIs(store, place)),
    );
    for (const opening of openings) opening.catch(() => {});
    let nodes = 0;
    for (const [index, { tree, place }] of trees.entries()) {
      const name = memoName(tree, place, snapshot);
      const key = keyAt(place, manifest.root, layouts[manifest.service]);
      const below =
        counts.get(name) ??
        (await attempt(0, tree, { store, key }, async () => {
          const directory = await openings[index];
          return directory ? inspectDirectory({ directory, place }, tree, snapshot) : 0;
        }));
      counts.set(name, below);
      nodes += below;
    }
    return nodes;
  }

  async function inspectLong(tree: Oid, snapshot: Snapshot): Promise<number> {
    const { store, manifest, source } = snapshot;
    const layout = layouts[manifest.service];
    return attempt(0, tree, { store, key: undefined }, async () => {
      const long = await decodeLong(tree, source, `${store}/${longName}`);
      for (const node of long) {
        const place = placeOf(node.key, new Uint8Array(), layout);
        await note(() => ({ ...node, key: place ? keyAt(place, manifest.root, layout) : node.key }), tree, snapshot);
      }
      return long.length;
    });
  }

  /** A tree means the same wherever it is in a store; a ciphertext that is opened belongs to one key. */
  function memoName(tree: Oid, { relative, segments }: Place, { manifest, store }: Snapshot): string {
    const where = decryptor ? `${store}/${segments.join('/')}` : '';
    return `${tree} ${manifest.service} ${relative} ${where}`;
  }

  async function note(find: () => Entry | undefined, tree: Oid, { store }: Snapshot): Promise<number> {
    const entry = await attempt(undefined, tree, { store, key: undefined }, async () => find());
    if (!entry) return 0;
    const { key, value, attributes } = entry;
    total += 1;
    onProgress?.(total);
    if (attributes !== undefined && seen.add(attributes))
      waiting.push({ store, key, oid: attributes, kind: 'attributes' });
    if (value && (seen.add(value.oid) || (value.encrypted && decryptor))) {
      values.known += 1;
      if (chooses(value.oid)) waiting.push({ store, key, oid: value.oid, kind: value.encrypted ? 'sealed' : 'value' });
    }
    return 1;
  }

  async function readContents(): Promise<void> {
    const contents = waiting;
    waiting = [];
    for (let start = 0; start < contents.length; start += readAhead) {
      signal?.throwIfAborted();
      await Promise.all(contents.slice(start, start + readAhead).map(readContent));
    }
  }

  async function readContent({ store, key, oid, kind }: Content): Promise<void> {
    await attempt(undefined, oid, { store, key }, async () => {
      const content = await reader.readBlob(oid);
      if (kind === 'attributes') return void decodeJsonObject(content, `the attributes ${oid.slice(0, 10)}`);
      values.read += 1;
      if (kind === 'value') return;
      const proof = await proveSealed(key, content, decryptor);
      values[proof === 'opened' ? 'opened' : 'wellFormed'] += 1;
    });
  }

  /** Whatever is wrong becomes a finding, of the object `oid`. */
  async function attempt<Result>(
    otherwise: Result,
    oid: Oid,
    where: Pick<Finding, 'store' | 'key'>,
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError) || signal?.aborted) throw thrown;
      damaged.add(oid);
      findings.push({ ...where, problem: reasonOf(thrown) });
      return otherwise;
    }
  }
}
