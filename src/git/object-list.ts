import { packChunk } from './pack.ts';
import type { ObjectType } from './reader.ts';

const types: readonly ObjectType[] = ['commit', 'tree', 'blob', 'tag'];
/** Of many short objects, a pack has more bytes than the list: the frames of what is stored. */
const perhapsLarger = 1.25;

/** Before each object: a byte for its type, and its size in four. */
const headerSize = 5;

/** Objects in a row in a piece of memory of their own, so that another thread can be given it. */
export interface ObjectList {
  fits(content: Uint8Array): boolean;
  /** Only what fits. */
  add(type: ObjectType, content: Uint8Array): void;
  /** The list so far. */
  finish(): Uint8Array<ArrayBuffer>;
}

/** Starts a list of objects that are together about `expected` bytes; `first` fits in any case. */
export function objectList(expected: number, first: Uint8Array): ObjectList {
  const bytes = Buffer.allocUnsafeSlow(Math.max(expected, first.length + headerSize));
  let size = 0;
  return {
    fits: (content) => size + headerSize + content.length <= bytes.length,
    add(type, content) {
      size = bytes.writeUInt8(types.indexOf(type), size);
      size = bytes.writeUInt32LE(content.length, size);
      bytes.set(content, size);
      size += content.length;
    },
    finish: () => bytes.subarray(0, size),
  };
}

/**
 * The pack of the objects in a list, in a piece of memory of its own. Values come last, as in the packs of git: whoever reads
 * directories only then touches a tenth of the file.
 */
export function packList(list: Uint8Array): Uint8Array<ArrayBuffer> {
  const chunk = packChunk(Math.ceil(list.length * perhapsLarger));
  addObjects((type) => type !== 'blob');
  addObjects((type) => type === 'blob');
  return chunk.finish();

  function addObjects(isMeant: (type: ObjectType) => boolean): void {
    eachObject(list, (type, content) => {
      if (isMeant(type)) chunk.add(type, content);
    });
  }
}

/** Visits the objects in a list. Their contents are parts of it. */
export function eachObject(list: Uint8Array, visit: (type: ObjectType, content: Buffer) => void): void {
  const bytes = Buffer.from(list.buffer, list.byteOffset, list.length);
  for (let at = 0; at < bytes.length; ) {
    const type = types[bytes.readUInt8(at)] ?? 'blob';
    const start = at + headerSize;
    at = start + bytes.readUInt32LE(at + 1);
    visit(type, bytes.subarray(start, at));
  }
}
