import { namesBeside } from './directory.ts';
import type { TreeEntry } from './objects.ts';

/**
 * The entries of two trees that stand for nodes, or the insides of nodes, that are not the same in both: all entries of such
 * a node, those of the first tree first. Of a wide directory mostly a few are left, and only they have to be decoded.
 */
export function differingEntries(
  a: readonly TreeEntry[],
  b: readonly TreeEntry[],
): readonly [TreeEntry[], TreeEntry[]] {
  const most = Math.min(a.length, b.length);
  let start = 0;
  while (start < most && isSame(a[start], b[start])) start += 1;
  let end = 0;
  while (end < most - start && isSame(a[a.length - 1 - end], b[b.length - 1 - end])) end += 1;

  const others = new Map(b.slice(start, b.length - end).map((entry) => [entry.name, entry]));
  const names = new Set<string>();
  for (const entry of a.slice(start, a.length - end)) {
    if (isSame(entry, others.get(entry.name))) others.delete(entry.name);
    else for (const name of namesBeside(entry.name)) names.add(name);
  }
  for (const other of others.keys()) for (const name of namesBeside(other)) names.add(name);
  if (names.size === 0) return [[], []];
  return [a.filter(({ name }) => names.has(name)), b.filter(({ name }) => names.has(name))];
}

function isSame(a: TreeEntry | undefined, b: TreeEntry | undefined): boolean {
  return a?.oid === b?.oid && a?.name === b?.name && a?.mode === b?.mode;
}
