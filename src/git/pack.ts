import { createHash, hash } from 'node:crypto';
import { constants, deflateSync } from 'node:zlib';
import type { Oid } from '../snapshot/objects.ts';
import { deflateShort, longestShort, mostDeflated, writeAdler32 } from './deflate-short.ts';
import type { ObjectType } from './reader.ts';

/** The type numbers of the pack format (gitformat-pack). */
const typeNumbers: { readonly [type in ObjectType]: number } = { commit: 1, tree: 2, blob: 3, tag: 4 };

/** Most objects fit here with their header, and are then hashed in one call, which costs half of three. */
const scratch = Buffer.allocUnsafe(64 * 1024);

/** The id of an object: SHA-1 over type, size and content. */
export function objectId(type: ObjectType, content: Uint8Array): Oid {
  const header = `${type} ${content.length}\0`;
  const size = header.length + content.length;
  if (size > scratch.length) return createHash('sha1').update(header).update(content).digest('hex');

  scratch.write(header, 'latin1');
  scratch.set(content, header.length);
  return hash('sha1', scratch.subarray(0, size), 'hex');
}

/** Around content that is stored: a header of two bytes, one block (RFC 1951, 3.2.4), a checksum. */
const storedOverhead = 2 + 5 + 4;

const level = constants.Z_BEST_SPEED;
/** For content that this window holds, the tables of a deflater are made smaller: a fifth of its time, for nothing. */
const small = { windowBits: 13, memLevel: 6 };
const smallWindow = 2 ** small.windowBits;

/** An object in a pack takes at most so many bytes more than it has, but for a few where zlib cannot compress much. */
const packedOverhead = 64;

/** One pack in the making, in memory: the objects of a run, or a part of them. */
export interface PackChunk {
  readonly objects: number;
  /** Bytes so far. */
  readonly size: number;
  add(type: ObjectType, content: Uint8Array): void;
  /** The whole pack, with its header and its checksum, in a piece of memory of its own. */
  finish(): Buffer<ArrayBuffer>;
}

/** Starts a pack for about `expected` bytes. It takes any number more. */
export function packChunk(expected: number): PackChunk {
  let bytes = Buffer.allocUnsafeSlow(expected);
  let size = 12;
  let objects = 0;

  function reserve(more: number): void {
    if (size + more <= bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes.length * 2, size + more));
    bytes.copy(larger, 0, 0, size);
    bytes = larger;
  }

  /** Type and size, four bits then seven a byte, lowest first. */
  function writeHeader(type: ObjectType, length: number): void {
    let rest = Math.floor(length / 16);
    let byte = (typeNumbers[type] << 4) | (length & 15);
    while (rest > 0) {
      bytes[size++] = byte | 0x80;
      byte = rest & 0x7f;
      rest = Math.floor(rest / 128);
    }
    bytes[size++] = byte;
  }

  function writeStored(content: Uint8Array): void {
    bytes[size++] = 0x78;
    bytes[size++] = 0x01;
    bytes[size++] = 0x01;
    size = bytes.writeUInt16LE(content.length, size);
    size = bytes.writeUInt16LE(~content.length & 0xffff, size);
    bytes.set(content, size);
    size = writeAdler32(content, bytes, size + content.length);
  }

  /** Deflated, or stored where that is shorter: what is encrypted, compressed, or very short. */
  function writeShort(content: Uint8Array): void {
    const end = deflateShort(content, bytes, size);
    if (end - size < content.length + storedOverhead) size = end;
    else writeStored(content);
  }

  return {
    get objects() {
      return objects;
    },
    get size() {
      return size;
    },

    add(type, content) {
      objects += 1;
      if (content.length <= longestShort) {
        // In either form, with a header of at most two bytes.
        reserve(storedOverhead + mostDeflated(content.length));
        writeHeader(type, content.length);
        writeShort(content);
        return;
      }
      // Room for the result at once: what zlib takes by itself, 16 KiB a piece, costs a fifth of the time.
      const chunkSize = content.length + packedOverhead;
      const deflated = deflateSync(content, { ...(content.length > smallWindow ? {} : small), level, chunkSize });
      reserve(10 + deflated.length);
      writeHeader(type, content.length);
      bytes.set(deflated, size);
      size += deflated.length;
    },

    finish() {
      reserve(20);
      bytes.write('PACK', 0, 'latin1');
      bytes.writeUInt32BE(2, 4);
      bytes.writeUInt32BE(objects, 8);
      size += bytes.write(hash('sha1', bytes.subarray(0, size), 'hex'), size, 'hex');
      return bytes.subarray(0, size);
    },
  };
}
