/** The nodes of a tree, by their keys with one character per byte; `null` is a node without a value. */
export type Nodes = ReadonlyMap<string, Buffer | null>;

/** How what was found differs from what was expected, in a few words; empty where it does not. */
export function difference(found: Nodes, expected: Nodes): string {
  const missing = [...expected.keys()].filter((key) => !found.has(key));
  const extra = [...found.keys()].filter((key) => !expected.has(key));
  const other = [...expected.keys()].filter((key) => found.has(key) && !isEqual(found.get(key), expected.get(key)));
  return Object.entries({ missing, extra, other })
    .filter(([, keys]) => keys.length > 0)
    .map(([what, keys]) => `${what} ${JSON.stringify(keys)}`)
    .join(', ');
}

export function isEqual(a: Buffer | null | undefined, b: Buffer | null | undefined): boolean {
  return a && b ? a.equals(b) : a === b;
}

/** Every part of a key that is above it: `a` and `a/b` for `a/b/c`. */
export function parentsOf(key: string): string[] {
  const segments = key.split('/');
  return segments.slice(0, -1).map((_, index) => segments.slice(0, index + 1).join('/'));
}
