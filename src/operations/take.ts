import type { Service, Unreadable } from '../services/service.ts';
import { encodeJson } from '../snapshot/attributes.ts';
import { buildTree, type TreeBuilder } from '../snapshot/build.ts';
import type { Value } from '../snapshot/directory.ts';
import { layouts } from '../snapshot/layout.ts';
import { encodeManifest, type Manifest } from '../snapshot/manifest.ts';
import type { Attributes, Node } from '../snapshot/node.ts';
import type { ObjectSink, Oid } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import { findNode, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { version } from '../version.ts';
import { contentDigest } from './content-digest.ts';
import { type Policy, type ReadResult, readService } from './read.ts';
import type { Sealer } from './seal.ts';
import type { Seen } from './seen.ts';

/** A service as it was just read, as the tree of a store. */
export interface Taken {
  readonly tree: Oid;
  readonly manifest: Manifest;
  /** Nodes in the tree, those that were carried forward included. */
  readonly nodes: number;
  readonly result: ReadResult;
  /** Of everything that was read. */
  readonly digest: string;
}

/** Where a snapshot goes to, and what it follows. */
export interface Destination {
  readonly sink: ObjectSink;
  /** The store as it was last, if it was. */
  readonly previous: Snapshot | undefined;
  /** What was read when the previous tree was made, where that is known. */
  readonly seen?: Seen | undefined;
  /** Encrypts values on their way to the sink, where some are to be. */
  readonly sealer?: Pick<Sealer, 'applies' | 'seal'> | undefined;
  /** Waits until the sink can take more. */
  drain?(): Promise<void> | undefined;
}

/** Nodes of at most so many bytes wait until it is known whether anything changed at all. */
const mostWaiting = 64 * 1024 * 1024;

/**
 * Reads a service into a tree. What cannot be read stands as it was in `previous`, and is listed in the result; nothing
 * is ever taken for deleted because it could not be read. Where exactly the same was read before, the tree is the same and
 * is not built. The service is asked while the destination is still being made ready. Throws as `readService` does.
 */
export async function takeSnapshot(
  service: Service,
  policy: Policy,
  destination: Destination | Promise<Destination>,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ((nodes: number) => void) | undefined } = {},
): Promise<Taken> {
  const manifest: Manifest = { service: service.traits.kind, root: service.root, ...policy };
  const manifestBytes = encodeManifest(manifest);
  // Another version of treekeeper may make another tree of the same.
  const digest = contentDigest(Buffer.concat([Buffer.from(`${version}\n`), manifestBytes]));
  const starting = Promise.resolve(destination).then((ready) => startTree(service, ready, onProgress));
  const visitor = starting.then(({ node, ...rest }) => ({
    ...rest,
    node(found: Node) {
      digest.add(found);
      node(found);
    },
  }));
  const result = await readService(service, policy, visitor, {
    ...(signal && { signal }),
    ...(onProgress && { onHeld: onProgress }),
  });

  const content = digest.finish();
  const { tree, nodes } = await (await starting).finish(manifestBytes, content);
  return { tree, manifest, nodes, result, digest: content };
}

/** Takes nodes as they come. They wait where the tree may turn out to be known, and are built into a tree else. */
function startTree(
  { traits: { kind, ordered }, root }: Service,
  { sink, previous, seen, sealer, drain }: Destination,
  onProgress: ((nodes: number) => void) | undefined,
) {
  const input = { layout: layouts[kind], root, sink };
  let builder = buildTree({ ...input, ordered });
  const attributesOf = attributesWriter(sink);
  let waiting: Node[] | undefined = seen && [];
  let bytes = 0;
  let carried = 0;
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

  async function seal(): Promise<void> {
    const nodes = unsealed;
    for (const node of nodes) {
      const { key, value } = node;
      put(node, value === null || !sealer ? null : await sealer.seal(key, value));
    }
    unsealed = [];
  }

  function stopWaiting(): void {
    const nodes = waiting ?? [];
    waiting = undefined;
    for (const node of nodes) build(node);
  }

  return {
    node(node: Node) {
      if (!waiting) return build(node);
      waiting.push(node);
      bytes += node.key.length + (node.value?.length ?? 0);
      if (bytes > mostWaiting) stopWaiting();
    },

    async unreadable(item: Unreadable) {
      stopWaiting();
      await seal();
      if (previous) carried += await carryForward(item, previous, builder);
    },

    hidden() {
      stopWaiting();
      shown = new Set();
      // What was hidden comes at the very end, whatever its place.
      builder = buildTree({ ...input, ordered: false });
    },

    async pause(nodes: number) {
      onProgress?.(nodes);
      if (unsealed.length > 0) await seal();
      await drain?.();
    },

    async finish(manifest: Uint8Array, digest: string): Promise<{ tree: Oid; nodes: number }> {
      if (waiting && seen?.digest === digest) return { tree: seen.tree, nodes: waiting.length };
      stopWaiting();
      await seal();
      if (shown && previous) await keepHidden(shown, previous, builder);
      return { tree: builder.finish(sink.blob(manifest)), nodes: builder.count + carried };
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

/** Puts what an earlier snapshot has for an unreadable item into the tree. Answers how many nodes the builder did not count. */
async function carryForward({ key, subtree }: Unreadable, previous: Snapshot, builder: TreeBuilder): Promise<number> {
  const found = await findNode(previous, key);
  if (subtree && found.subtree !== undefined) {
    let nodes = 0;
    await walkSnapshot(previous, () => (nodes += 1), key);
    builder.graft(key, found.subtree);
    return nodes;
  }
  if (found.entry) builder.add(key, found.entry.value, found.entry.attributes);
  return 0;
}
