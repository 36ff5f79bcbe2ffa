import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { TreekeeperError } from '../errors.ts';
import type { SessionKey } from './cipher.ts';

/*
 * The packets of one value (RFC 9580): those with the session key for each recipient, then one Symmetrically Encrypted and
 * Integrity Protected Data packet of version 1 with a literal packet in it, which gpg 2.2 and every later one reads. With a
 * session key at hand that is AES and a hash, 30 times faster here than through openpgp.js; what concerns keys is left to it.
 */

const tags = { publicKeySession: 1, symmetricKeySession: 3, literal: 11, protectedData: 18 } as const;

/** The random beginning of the data, a block and two bytes of it again (RFC 9580, 5.13.1). */
const blockSize = 16;
/** The Modification Detection Code packet: its header and the SHA-1 of all before, header included. */
const codeHeader = Buffer.from([0xd3, 0x14]);
const codeSize = 20;

/** A message taken apart. */
export interface Message {
  /** The packets with the session key. Messages of one run have the same ones. */
  readonly header: Uint8Array;
  /** The version and the encrypted data. */
  readonly data: Uint8Array;
}

/** Random bytes are drawn for many messages at once: each draw is a call to the system. */
let pool = Buffer.alloc(0);

function nextRandom(): Buffer {
  if (pool.length < blockSize) pool = randomBytes(blockSize * 256);
  const random = pool.subarray(0, blockSize);
  pool = pool.subarray(blockSize);
  return random;
}

/** A whole message: the packets for the recipients, and the encrypted value. `name` is at most 255 bytes. */
export function sealValue(
  { key, header }: { readonly key: SessionKey; readonly header: Uint8Array },
  name: Uint8Array,
  value: Uint8Array,
): Uint8Array {
  const literal = Buffer.concat([
    packetHeader(tags.literal, 6 + name.length + value.length),
    Buffer.from('b'),
    Buffer.from([name.length]),
    name,
    headerMark(header),
    value,
  ]);
  const random = nextRandom();
  const plain = [random, random.subarray(-2), literal, codeHeader];
  const hash = createHash('sha1');
  for (const part of plain) hash.update(part);
  const cipher = createCipheriv('aes-256-cfb', key, Buffer.alloc(blockSize));
  const encrypted = [...[...plain, hash.digest()].map((part) => cipher.update(part)), cipher.final()];
  const size = 1 + encrypted.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([header, packetHeader(tags.protectedData, size), Buffer.from([1]), ...encrypted]);
}

/** The inverse of `sealValue`. Throws `TreekeeperError('integrity')` where a single bit is not as it was. */
export function unsealValue(
  sessionKey: SessionKey,
  { header, data }: Message,
): { name: Uint8Array; value: Uint8Array } {
  if (data.length < 1 + blockSize + 2 + codeHeader.length + codeSize) throw damaged('is cut off');
  const cipher = createDecipheriv('aes-256-cfb', sessionKey, Buffer.alloc(blockSize));
  const plain = Buffer.concat([cipher.update(data.subarray(1)), cipher.final()]);
  const code = plain.subarray(-codeSize);
  const before = plain.subarray(0, -codeSize);
  const isWhole =
    timingSafeEqual(createHash('sha1').update(before).digest(), code) &&
    before.subarray(-codeHeader.length).equals(codeHeader);
  if (!isWhole) throw damaged('was changed, or is cut off');

  const { tag, body, rest } = readPacket(before.subarray(blockSize + 2, -codeHeader.length));
  if (tag !== tags.literal || rest.length > 0 || body.length < 6) throw damaged('holds something other than one value');
  const nameEnd = 2 + (body[1] ?? 0);
  if (body.length < nameEnd + 4) throw damaged('is cut off');
  if (!headerMark(header).equals(body.subarray(nameEnd, nameEnd + 4))) throw damaged('was changed');
  return { name: body.subarray(2, nameEnd), value: body.subarray(nameEnd + 4) };
}

/**
 * Stands where a literal packet has a date, which nobody needs here: the detection code covers the data alone, and programs
 * overlook some bits of the packets before it.
 */
function headerMark(header: Uint8Array): Buffer {
  return createHash('sha256').update(header).digest().subarray(0, 4);
}

/**
 * Takes a message apart. Throws `TreekeeperError('integrity')` where it is not of these packets and nothing else; a message
 * that another program made in another way is not one of ours.
 */
export function splitMessage(message: Uint8Array): Message {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  let rest: Buffer = bytes;
  while (rest.length > 0) {
    const packet = readPacket(rest);
    if (packet.tag === tags.protectedData) {
      if (packet.body[0] !== 1 || packet.rest.length > 0 || rest.length === bytes.length) break;
      return { header: bytes.subarray(0, bytes.length - rest.length), data: packet.body };
    }
    if (packet.tag !== tags.publicKeySession && packet.tag !== tags.symmetricKeySession) break;
    rest = packet.rest;
  }
  throw damaged('is no OpenPGP message as treekeeper writes them');
}

/** Who can open a message. */
export interface Audience {
  /** The ids of the keys that it is encrypted to, 16 hex digits each, sorted; zeros where the sender hid it. */
  readonly keyIds: readonly string[];
  /** Whether whoever knows a passphrase can open it, too. */
  readonly passphrase: boolean;
}

/** Tells who can open a message from its packets for the recipients. */
export function audienceOf(header: Uint8Array): Audience {
  const keyIds: string[] = [];
  let passphrase = false;
  for (let rest = Buffer.from(header); rest.length > 0; ) {
    const packet = readPacket(rest);
    if (packet.tag === tags.publicKeySession) keyIds.push(packet.body.toString('hex', 1, 9).toUpperCase());
    else passphrase = true;
    rest = packet.rest as Buffer<ArrayBuffer>;
  }
  return { keyIds: keyIds.sort(), passphrase };
}

function packetHeader(tag: number, length: number): Buffer {
  const first = 0xc0 | tag;
  if (length < 192) return Buffer.from([first, length]);
  if (length < 8384) return Buffer.from([first, ((length - 192) >> 8) + 192, (length - 192) & 0xff]);
  const header = Buffer.from([first, 0xff, 0, 0, 0, 0]);
  header.writeUInt32BE(length, 2);
  return header;
}

/** The first packet of some bytes, in either form of header, but for partial and indeterminate lengths. */
function readPacket(bytes: Buffer): { tag: number; body: Buffer; rest: Buffer } {
  const first = bytes[0] ?? 0;
  if ((first & 0x80) === 0) throw damaged('is no OpenPGP message');
  const isNew = (first & 0x40) !== 0;
  const { start, length } = isNew ? newLength(bytes) : oldLength(bytes, first & 3);
  if (start > bytes.length || start + length > bytes.length) throw damaged('is cut off');
  const end = start + length;
  return {
    tag: isNew ? first & 0x3f : (first >> 2) & 0xf,
    body: bytes.subarray(start, end),
    rest: bytes.subarray(end),
  };
}

function newLength(bytes: Buffer): { start: number; length: number } {
  const [, one = 0, two = 0] = bytes;
  if (one < 192) return { start: 2, length: one };
  if (one < 224) return { start: 3, length: ((one - 192) << 8) + two + 192 };
  if (one < 255) throw damaged('has a length in parts');
  return { start: 6, length: bytes.length < 6 ? 0 : bytes.readUInt32BE(2) };
}

function oldLength(bytes: Buffer, type: number): { start: number; length: number } {
  if (type === 3) throw damaged('has no length');
  const size = 1 << type;
  return { start: 1 + size, length: bytes.length < 1 + size ? 0 : bytes.readUIntBE(1, size) };
}

function damaged(fact: string): TreekeeperError {
  return new TreekeeperError('integrity', `an encrypted value ${fact}`, {
    hint: '`treekeeper check` tells which snapshots are whole; a clone or remote may have it undamaged',
  });
}
