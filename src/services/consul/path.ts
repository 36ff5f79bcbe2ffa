/** What Consul calls not printable, which is what Go does: everything but letters, marks, numbers, signs and the space. */
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const cleanSegments = /^(?:(?!\.{1,2}(?:\/|$))[^/]+\/)*(?:(?!\.{1,2}(?:\/|$))[^/]+)?/;

/**
 * The longest beginning of a key that arrives as it is when it is sent in the path of a URL: Consul redirects empty and
 * dot segments away, however they are encoded, and refuses control characters. A transaction has no such limits.
 */
export function pathPrefix(key: string): string {
  const end = key.search(unprintable);
  return cleanSegments.exec(end < 0 ? key : key.slice(0, end))?.[0] ?? '';
}

/** A key, or the beginning of one, as it stands in the path. */
export function encodePath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}
