/** What belongs to the server itself, and is neither read nor written. */
export const systemPath = '/zookeeper';

/** The path of a node's child. */
export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/** The path of the node above, `/` at the top. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/**
 * Why ZooKeeper can have no node of this path (one character per byte), or `undefined` where it can. The rules of its
 * PathUtils: segments that are not empty and not dots, no control characters, no surrogates, which leaves out everything
 * beyond U+FFFF as Java counts, and nothing of U+F000 to U+F8FF or U+FFF0 to U+FFFF.
 */
export function refusePath(path: string): string | undefined {
  if (!path.startsWith('/')) return 'a path of ZooKeeper begins with a slash';
  if (path === '/') return undefined;
  if (path.endsWith('/')) return 'a path of ZooKeeper does not end with a slash';
  if (path === systemPath || path.startsWith(`${systemPath}/`)) return '/zookeeper belongs to the server';
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return 'a path of ZooKeeper has no empty segments';
    if (segment === '.' || segment === '..') return `a path of ZooKeeper has no segment ${segment}`;
  }

  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  if (Buffer.compare(Buffer.from(text, 'utf8'), bytes) !== 0) return 'a path of ZooKeeper is UTF-8, and this is not';
  const bad = text.match(forbidden)?.[0];
  return bad === undefined
    ? undefined
    : `ZooKeeper allows no U+${bad.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')} in a path`;
}

/** Without the flag `u`, so that what is beyond U+FFFF is seen as surrogates, as in Java. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const forbidden = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;
