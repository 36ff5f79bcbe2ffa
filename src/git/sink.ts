import type { ObjectSink, ObjectSource, Oid } from '../snapshot/objects.ts';
import { decodeTree } from '../snapshot/tree.ts';
import type { OidSet } from './oid-set.ts';
import { objectId } from './pack.ts';
import type { ObjectType } from './reader.ts';

/** A sink whose trees (and blobs that it was told to keep) can be read back at once. */
export interface ReadableSink extends ObjectSink {
  /** Reads from the sink what it has, and everything else from `fallback`. */
  over(fallback: ObjectSource): ObjectSource;
}

/** Takes an object that is neither known nor was seen before. */
export type Emit = (type: ObjectType, content: Uint8Array, oid: Oid) => void;

/** Computes ids, and gives each object that is not `known` to `emit`, the same one possibly more than once. */
export function readableSink(known: OidSet | undefined, emit: Emit): ReadableSink {
  const kept = new Map<Oid, Uint8Array>();

  function put(type: ObjectType, content: Uint8Array, keep: boolean): Oid {
    const oid = objectId(type, content);
    if (known?.has(oid)) return oid;
    // A copy, since a small Buffer is a slice that keeps all of its pool alive: six times as much, here.
    if (keep) kept.set(oid, Uint8Array.from(content));
    emit(type, content, oid);
    return oid;
  }

  return {
    blob: (content, keep) => put('blob', content, keep === 'keep'),
    tree: (content) => put('tree', content, true),

    over: (fallback) => ({
      async readTree(oid) {
        const content = kept.get(oid);
        return content ? decodeTree(content) : fallback.readTree(oid);
      },
      async readBlob(oid) {
        return kept.get(oid) ?? fallback.readBlob(oid);
      },
    }),
  };
}
