import type { Json } from './node.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that bytes are in UTF-8, or `undefined` where they are not. The text's own bytes are exactly these. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** How keys and values stand in JSON: a string where they are UTF-8, else `{"base64": "..."}`. */
export function bytesToJson(bytes: Uint8Array): Json {
  return textOf(bytes) ?? { base64: Buffer.from(bytes).toString('base64') };
}

/** The inverse of `bytesToJson`, or `undefined` for anything that it does not make. */
export function bytesFromJson(json: Json | undefined): Uint8Array | undefined {
  if (typeof json === 'string') return Buffer.from(json);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const { base64 } = json as { readonly [name: string]: Json };
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
}

/** Whether the bytes are the same; much faster than comparing them one by one. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * Whether the first `length` bytes of both are the same; neither has to be as long. Looked at from the end, since keys that follow
 * each other differ there, and without Buffer's comparison, which costs several times as much for keys as short as they are.
 */
export function startAlike(a: Uint8Array, b: Uint8Array, length: number): boolean {
  if (a.length < length || b.length < length) return false;
  for (let at = length - 1; at >= 0; at--) if (a[at] !== b[at]) return false;
  return true;
}
