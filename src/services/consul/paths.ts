/**
 * Whether a key can stand in the path of a request. Consul cleans a path as a file system's: it takes out doubled slashes
 * and dots, and then redirects, so that the request would be about another key.
 */
export function isAddressable(key: string): boolean {
  const segments = key.split('/');
  return (
    key !== '' &&
    segments.every(
      (segment, index) => segment !== '.' && segment !== '..' && (segment !== '' || index === segments.length - 1),
    ) &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a server refuses these in a path
    !/[\u0000-\u001f\u007f]/.test(key)
  );
}

/** As much of a prefix as can stand in the path of a request; what is asked for is then at least what is wanted. */
export function addressablePrefix(prefix: string): string {
  let usable = '';
  for (const segment of prefix.split('/').slice(0, -1)) {
    if (!isAddressable(`${usable}${segment}/x`)) return usable;
    usable += `${segment}/`;
  }
  return isAddressable(prefix) ? prefix : usable;
}

/** A key or prefix, one character per byte, in a path, without a slash being touched. */
export function encodePath(bytes: string): string {
  return bytes.replace(
    /[^A-Za-z0-9\-._~/]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
