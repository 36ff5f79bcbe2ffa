import type { TreeBuilder } from '../snapshot/build.ts';
import { startAlike } from '../snapshot/bytes.ts';
import { type Child, type Own, writeDirectory } from '../snapshot/directory.ts';
import type { Node } from '../snapshot/node.ts';
import type { ObjectSink, Oid } from '../snapshot/objects.ts';
import { latin1, shortestLong } from '../snapshot/paths.ts';
import { contentDigest } from './content-digest.ts';
import type { Shortcut } from './known-whole.ts';
import type { KnownTrees } from './seen.ts';

/** Where nodes go that wait no longer. */
export interface Ground {
  readonly sink: ObjectSink;
  readonly builder: TreeBuilder;
  /** Puts one node into the builder. */
  build(node: Node): void;
  /** Puts the contents of one node into the sink. */
  leaf(node: Node): Child;
}

/** Fewer nodes are built faster than they are remembered. */
const fewest = 4;
/** A directory of more bytes is not held until it is complete. */
const mostHeld = 64 * 1024 * 1024;
const slash = 0x2f;

/**
 * For a service whose nodes come in ascending order, so that those of one directory come together: they wait until it is
 * complete, and where it has nothing but leaves, and is as it was, its tree is taken as it is. A snapshot in which little
 * changed costs little more than reading it, and holds one directory at a time.
 */
export function knowDirectories(trees: KnownTrees | undefined, { sink, builder, build, leaf }: Ground): Shortcut {
  const digest = contentDigest(new Uint8Array());
  const known = new Map<string, Oid>();
  /** Nodes that follow each other and have the same directory. */
  let run: Node[] = [];
  /** The length of that directory's name, with its slash. */
  let length = 0;
  let bytes = 0;

  function end(isComplete: boolean): void {
    const nodes = run;
    run = [];
    bytes = 0;
    const directory = nodes[0]?.key.subarray(0, length - 1);
    const isWhole = isComplete && length > 1 && nodes.length >= fewest && nodes.every(isShort);
    const own = isWhole && directory && builder.ownAt(directory);
    if (!own) {
      for (const node of nodes) build(node);
      return;
    }

    if (own.value !== undefined) digest.add(nodeOf(directory, own));
    for (const node of nodes) digest.add(node);
    const content = digest.finish();
    const tree = trees?.get(content) ?? treeOf(nodes, own);
    known.set(content, tree);
    builder.graft(directory, tree, nodes.length);
  }

  function treeOf(nodes: readonly Node[], own: Own): Oid {
    const children = new Map(nodes.map((node) => [latin1(node.key.subarray(length)), leaf(node)]));
    return writeDirectory({ own, children }, sink);
  }

  return {
    add(node) {
      const { key, value } = node;
      const own = lengthOfDirectory(key);
      const before = run[0]?.key;
      if (before) {
        const isBelow = startAlike(key, before, length);
        if (!isBelow || own !== length) end(!isBelow);
      }
      length = own;
      run.push(node);
      bytes += key.length + (value?.length ?? 0);
      if (bytes > mostHeld) end(false);
    },
    release: () => end(false),

    finish() {
      end(true);
      return undefined;
    },
    known: () => known,
  };
}

/** The node that a directory stands for, which was built already: the ids of its contents are as good as they are. */
function nodeOf(key: Uint8Array, { value, attributes }: Own): Node {
  const ids = { value: value?.oid ?? null, attributes: attributes ?? null };
  return { key, value: null, attributes: ids, ephemeral: undefined };
}

function isShort({ key }: Node): boolean {
  return key.length <= shortestLong;
}

/** Called for every node: the searches that Buffer has cost several times as much, for keys as short as they are. */
function lengthOfDirectory(key: Uint8Array): number {
  let length = key.length;
  while (length > 0 && key[length - 1] !== slash) length--;
  return length;
}
