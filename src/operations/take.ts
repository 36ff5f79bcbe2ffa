import type { Service, Unreadable } from '../services/service.ts';
import { encodeJson } from '../snapshot/attributes.ts';
import { buildTree, type TreeBuilder } from '../snapshot/build.ts';
import { type Child, type Value, writeDirectory } from '../snapshot/directory.ts';
import { layouts } from '../snapshot/layout.ts';
import { encodeManifest, type Manifest } from '../snapshot/manifest.ts';
import type { Attributes, Node } from '../snapshot/node.ts';
import type { ObjectSink, Oid } from '../snapshot/objects.ts';
import { isLong, latin1, placeOf } from '../snapshot/paths.ts';
import { findNode, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { knowDirectories } from './known-directories.ts';
import { knowWhole } from './known-whole.ts';
import { type Policy, type ReadResult, readService } from './read.ts';
import type { Sealer } from './seal.ts';
import type { KnownTrees } from './seen.ts';

/** A service as it was just read, as the tree of a store. */
export interface Taken {
  readonly tree: Oid;
  readonly manifest: Manifest;
  /** Nodes in the tree, those that were carried forward included. */
  readonly nodes: number;
  readonly result: ReadResult;
  /** What is worth knowing when the next snapshot is taken. */
  readonly known: KnownTrees;
}

/** Where a snapshot goes to, and what it follows. */
export interface Destination {
  readonly sink: ObjectSink;
  /** The store as it was last, if it was. */
  readonly previous: Snapshot | undefined;
  /** Trees that are in it, where it is known what they were made of. */
  readonly trees?: KnownTrees | undefined;
  /** Encrypts values on their way to the sink, where some are to be. */
  readonly sealer?: Pick<Sealer, 'rules' | 'basis' | 'applies' | 'seal'> | undefined;
  /** Waits until the sink can take more. */
  drain?(): Promise<void> | undefined;
}

/**
 * Reads a service into a tree. What cannot be read stands as it was in `previous`, and is listed in the result; nothing
 * is ever taken for deleted because it could not be read. Where the same was read before, the tree is the same and is not
 * built. The service is asked while the destination is still being made ready. Throws as `readService` does.
 */
export async function takeSnapshot(
  service: Service,
  policy: Policy,
  destination: Destination | Promise<Destination>,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ((nodes: number) => void) | undefined } = {},
): Promise<Taken> {
  const visitor = Promise.resolve(destination).then((ready) => {
    const encrypt = ready.sealer?.rules ?? policy.encrypt;
    const manifest = { service: service.traits.kind, root: service.root, ...policy, encrypt };
    return { ...startTree(service, ready, encodeManifest(manifest), onProgress), manifest };
  });
  const result = await readService(service, policy, visitor, {
    ...(signal && { signal }),
    ...(onProgress && { onHeld: onProgress }),
  });
  const { finish, manifest } = await visitor;
  return { ...(await finish()), manifest, result };
}

/** Takes nodes as they come. They wait where a tree of them may turn out to be known, and are built into one else. */
function startTree(
  { traits: { kind, ordered }, root }: Service,
  { sink, previous, trees, sealer, drain }: Destination,
  manifest: Uint8Array,
  onProgress: ((nodes: number) => void) | undefined,
) {
  const input = { layout: layouts[kind], root, sink };
  let builder = buildTree({ ...input, ordered });
  const attributesOf = attributesWriter(sink);
  let shortcut =
    ordered && !sealer
      ? knowDirectories(trees, { sink, builder, build, leaf: leafOf })
      : knowWhole(trees, Buffer.concat([manifest, Buffer.from(sealer?.basis ?? '')]), build);
  let came = 0;
  /** The keys that came, where others may be hidden. */
  let shown: Set<string> | undefined;
  /** Nodes behind one whose value has to be encrypted, that one first: their order stays. */
  let unsealed: Node[] = [];

  function build(node: Node): void {
    const { key, value } = node;
    shown?.add(latin1(key));
    const mustWait = unsealed.length > 0 || (value !== null && sealer?.applies(key));
    if (mustWait) unsealed.push(node);
    else put(node, value === null ? null : { oid: sink.blob(value), encrypted: false });
  }

  function put({ key, attributes }: Node, stored: Value | null): void {
    builder.add(key, stored, attributesOf(attributes));
  }

  function leafOf({ value, attributes }: Node): Child {
    const own = { value: value && { oid: sink.blob(value), encrypted: false }, attributes: attributesOf(attributes) };
    if (own.value !== null) return { tree: undefined, ...own, value: own.value };
    return { tree: writeDirectory({ own, children: new Map() }, sink) };
  }

  async function seal(): Promise<void> {
    const nodes = unsealed;
    for (const node of nodes) {
      const { key, value } = node;
      put(node, value === null || !sealer ? null : await sealer.seal(key, value));
    }
    unsealed = [];
  }

  return {
    node(node: Node) {
      came += 1;
      shortcut.add(node);
    },

    async unreadable(item: Unreadable) {
      shortcut.release();
      await seal();
      if (previous) await carryForward(item, previous, builder);
    },

    hidden() {
      shown = new Set();
      // What was hidden comes at the very end, whatever its place.
      builder = buildTree({ ...input, ordered: false });
      shortcut = knowWhole(undefined, manifest, build);
    },

    async pause(nodes: number) {
      onProgress?.(nodes);
      if (unsealed.length > 0) await seal();
      await drain?.();
    },

    async finish(): Promise<Pick<Taken, 'tree' | 'nodes' | 'known'>> {
      const same = shortcut.finish();
      if (same !== undefined) return { tree: same, nodes: came, known: shortcut.known(same) };
      await seal();
      if (shown && previous) await keepHidden(shown, previous, builder);
      const tree = builder.finish(sink.blob(manifest));
      return { tree, nodes: builder.count, known: shortcut.known(tree) };
    },
  };
}

/** Puts what an earlier snapshot has and the service did not show into the tree. */
async function keepHidden(shown: ReadonlySet<string>, previous: Snapshot, builder: TreeBuilder): Promise<void> {
  await walkSnapshot(previous, ({ key, value, attributes }) => {
    if (!shown.has(latin1(key))) builder.add(key, value, attributes);
  });
}

/** Writes attributes to the sink, each distinct content once: a tree often has the same ones everywhere. */
function attributesWriter(sink: ObjectSink): (attributes: Attributes | undefined) => Oid | undefined {
  const written = new Map<string, Oid>();
  return (attributes) => {
    if (attributes === undefined) return undefined;
    const content = encodeJson(attributes);
    const text = Buffer.from(content).toString();
    const oid = written.get(text) ?? sink.blob(content);
    written.set(text, oid);
    return oid;
  };
}

/** Puts what an earlier snapshot has for an unreadable item into the tree. */
async function carryForward({ key, subtree }: Unreadable, previous: Snapshot, builder: TreeBuilder): Promise<void> {
  const found = await findNode(previous, key);
  if (!subtree) {
    if (found.entry) builder.add(key, found.entry.value, found.entry.attributes);
    return;
  }

  const { service, root } = previous.manifest;
  let nodes = 0;
  await walkSnapshot(
    previous,
    (entry) => {
      const place = placeOf(entry.key, root, layouts[service]);
      // Very long keys lie elsewhere.
      if (found.subtree !== undefined && place && !isLong(place)) nodes += 1;
      else builder.add(entry.key, entry.value, entry.attributes);
    },
    key,
  );
  if (found.subtree !== undefined) builder.graft(key, found.subtree, nodes);
}
