import type { Service, Unreadable } from '../services/service.ts';
import { encodeJson } from '../snapshot/attributes.ts';
import { buildTree, type TreeBuilder } from '../snapshot/build.ts';
import { layouts } from '../snapshot/layout.ts';
import { encodeManifest, type Manifest } from '../snapshot/manifest.ts';
import type { Attributes, Node } from '../snapshot/node.ts';
import type { ObjectSink, Oid } from '../snapshot/objects.ts';
import { findNode, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { type Policy, type ReadResult, readService } from './read.ts';

/** A service as it was just read, as the tree of a store. */
export interface Taken {
  readonly tree: Oid;
  readonly manifest: Manifest;
  /** Nodes in the tree, those that were carried forward included. */
  readonly nodes: number;
  readonly result: ReadResult;
}

/** Where a snapshot goes to, and what it follows. */
export interface Destination {
  readonly sink: ObjectSink;
  /** The store as it was last, if it was. */
  readonly previous: Snapshot | undefined;
  /** Waits until the sink can take more. */
  drain?(): Promise<void> | undefined;
}

/**
 * Reads a service into a tree. What cannot be read stands as it was in `previous`, and is listed in the result; nothing
 * is ever taken for deleted because it could not be read. The service is asked while the destination is still being made
 * ready. Throws as `readService` does.
 */
export async function takeSnapshot(
  service: Service,
  policy: Policy,
  destination: Destination | Promise<Destination>,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ((nodes: number) => void) | undefined } = {},
): Promise<Taken> {
  const { kind, ordered } = service.traits;
  const { root } = service;
  const started = (async () => {
    const { sink, previous, drain } = await destination;
    const builder = buildTree({ layout: layouts[kind], root, sink, ordered });
    return { sink, previous, drain, builder, attributesOf: attributesWriter(sink) };
  })();
  let carried = 0;

  const visitor = started.then(({ sink, previous, drain, builder, attributesOf }) => ({
    node({ key, value, attributes }: Node) {
      const stored = value === null ? null : { oid: sink.blob(value), encrypted: false };
      builder.add(key, stored, attributesOf(attributes));
    },
    async unreadable(item: Unreadable) {
      if (previous) carried += await carryForward(item, previous, builder);
    },
    pause(nodes: number) {
      onProgress?.(nodes);
      return drain?.();
    },
  }));
  const result = await readService(service, policy, visitor, { ...(signal && { signal }) });

  const { sink, builder } = await started;
  const manifest: Manifest = { service: kind, root, ...policy };
  const tree = builder.finish(sink.blob(encodeManifest(manifest)));
  return { tree, manifest, nodes: builder.count + carried, result };
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
