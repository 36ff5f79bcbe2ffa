import type { Node } from '../snapshot/node.ts';
import type { Oid } from '../snapshot/objects.ts';
import { contentDigest } from './content-digest.ts';
import type { KnownTrees } from './seen.ts';

/** Nodes on their way into a tree, of which those that were read before in the same way need not be built. */
export interface Shortcut {
  add(node: Node): void;
  /** Builds whatever waits. To come before anything else goes into the builder. */
  release(): void;
  /** After the last node: the tree of the whole store, where that is known already. */
  finish(): Oid | undefined;
  /** What is worth knowing the next time, given the tree that it all came to. */
  known(tree: Oid): KnownTrees;
}

/** Nodes of at most so many bytes wait until it is known whether anything changed at all. */
const mostWaiting = 64 * 1024 * 1024;

/**
 * For a service whose nodes come in any order, or whose values are encrypted: all of them wait, and nothing is built where
 * they are those of the last snapshot. `basis` is what the tree depends on besides.
 */
export function knowWhole(trees: KnownTrees | undefined, basis: Uint8Array, build: (node: Node) => void): Shortcut {
  const digest = contentDigest(basis);
  let waiting: Node[] | undefined = trees && [];
  let bytes = 0;
  let content = '';

  function release(): void {
    const nodes = waiting ?? [];
    waiting = undefined;
    for (const node of nodes) build(node);
  }

  return {
    add(node) {
      digest.add(node);
      if (!waiting) return build(node);
      waiting.push(node);
      bytes += node.key.length + (node.value?.length ?? 0);
      if (bytes > mostWaiting) release();
    },
    release,

    finish() {
      content = digest.finish();
      const tree = waiting && trees?.get(content);
      if (tree === undefined) release();
      return tree;
    },
    known: (tree) => new Map([[content, tree]]),
  };
}
