import { namesBeside } from './directory.ts';
import type { TreeEntry } from './objects.ts';
import { sortName } from './tree.ts';

/**
 * The entries of two trees that stand for nodes, or the insides of nodes, that are not the same in both: all entries of such
 * a node, those of the first tree first. Of a wide directory mostly a few are left, and only they have to be decoded. Both are
 * in Git's order; where a damaged tree is not, more may be left, and never less.
 */
export function differingEntries(
  a: readonly TreeEntry[],
  b: readonly TreeEntry[],
): readonly [TreeEntry[], TreeEntry[]] {
  const names = new Set<string>();
  const differs = ({ name }: TreeEntry) => {
    for (const beside of namesBeside(name)) names.add(beside);
  };
  let at = 0;
  let other = b[0];
  for (const entry of a) {
    while (other && !isSame(entry, other) && sortName(other) < sortName(entry)) {
      differs(other);
      other = b[++at];
    }
    if (isSame(entry, other)) other = b[++at];
    else differs(entry);
  }
  for (const rest of b.slice(at)) differs(rest);
  if (names.size === 0) return [[], []];
  return [a.filter(({ name }) => names.has(name)), b.filter(({ name }) => names.has(name))];
}

function isSame(a: TreeEntry, b: TreeEntry | undefined): boolean {
  return a.oid === b?.oid && a.name === b.name && a.mode === b.mode;
}
