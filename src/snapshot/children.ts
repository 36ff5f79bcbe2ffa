import { layouts } from './layout.ts';
import { keyAt } from './paths.ts';
import { childPlace, descend, openTop, placeBelow, type Snapshot } from './walk.ts';

/** A step down from a key: a node, or only the common part of longer keys. */
export interface Step {
  readonly key: Uint8Array;
  /** There may be more below it. */
  readonly isOpen: boolean;
}

/**
 * The keys that are one segment longer than `key` (those of one segment for an empty one), in byte order. Very long ones,
 * which lie elsewhere, are not among them. Reads no more than the directories on the way.
 */
export async function childrenOf(snapshot: Snapshot, key: Uint8Array): Promise<Step[]> {
  const { manifest } = snapshot;
  const layout = layouts[manifest.service];
  const from = placeBelow(key, manifest, layout);
  const steps: Step[] = [];
  for (const trie of (await openTop(snapshot)).tries) {
    if (!from || (key.length > 0 && from.relative !== trie.place.relative)) continue;
    const opened = await descend(trie, from.segments, snapshot);
    for (const [segment, child] of opened?.directory.children ?? []) {
      const place = childPlace({ ...from, relative: trie.place.relative }, segment);
      steps.push({ key: keyAt(place, manifest.root, layout), isOpen: child.tree !== undefined });
    }
  }
  return steps.sort((a, b) => Buffer.compare(a.key, b.key));
}
