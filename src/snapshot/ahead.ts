import { directoryMode, type ObjectSource, type Oid, type TreeEntry } from './objects.ts';

/** Trees that nobody waits for yet: enough to keep a reader busy. */
const mostAhead = 64;
/** Lines of those that have come: a wide directory is not followed by others like it. */
const mostLines = 8_192;

/**
 * The same source, for whoever goes through a whole tree from the top: the directories in each tree are asked for before they
 * are wanted, and those in them. One after the other, every level would wait for the reader once more, which is half of the
 * time of a walk through 100,000 nodes.
 */
export function treesAhead(source: ObjectSource): ObjectSource {
  const asked = new Map<Oid, Promise<readonly TreeEntry[]>>();
  let lines = 0;

  function askFor(entries: readonly TreeEntry[]): void {
    for (const { mode, oid } of entries) {
      if (asked.size >= mostAhead || lines >= mostLines) return;
      if (mode !== directoryMode || asked.has(oid)) continue;
      const tree = source.readTree(oid);
      asked.set(oid, tree);
      tree.then(
        (found) => {
          lines += found.length;
          askFor(found);
        },
        // Whoever wants it reads it again, and is told.
        () => asked.delete(oid),
      );
    }
  }

  return {
    readBlob: (oid) => source.readBlob(oid),
    async readTree(oid) {
      const entries = await (asked.get(oid) ?? source.readTree(oid));
      if (asked.delete(oid)) lines -= entries.length;
      askFor(entries);
      return entries;
    },
  };
}
