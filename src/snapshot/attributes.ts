import { TreekeeperError } from '../errors.ts';
import { textOf } from './bytes.ts';
import type { Attributes, Json } from './node.ts';

/** Canonical JSON: names sorted, two spaces, a final newline. The same content is always the same bytes. */
export function encodeJson(json: Json): Uint8Array {
  return Buffer.from(`${JSON.stringify(sortNames(json), null, 2)}\n`);
}

/** The JSON object in a file of a snapshot. Throws `TreekeeperError('integrity')` on what `encodeJson` does not write. */
export function decodeJsonObject(bytes: Uint8Array, where: string): Attributes {
  const text = textOf(bytes);
  try {
    const json: unknown = JSON.parse(text ?? '');
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
      const attributes = json as Attributes;
      if (Buffer.compare(encodeJson(attributes), bytes) === 0) return attributes;
    }
  } catch (cause) {
    throw new TreekeeperError('integrity', `${where} is not JSON`, { cause });
  }
  throw new TreekeeperError('integrity', `${where} is not as treekeeper writes it`);
}

function sortNames(json: Json): Json {
  if (Array.isArray(json)) return json.map(sortNames);
  if (typeof json !== 'object' || json === null) return json;
  const object = json as Attributes;
  // A plain object lists names that look like integers first, whatever their order, so the order is not quite by byte.
  return Object.fromEntries(
    Object.keys(object)
      .sort()
      .map((name) => [name, sortNames(object[name] ?? null)]),
  );
}
