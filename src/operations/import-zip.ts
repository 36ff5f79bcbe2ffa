import { type FileHandle, open } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import { reasonOf, TreekeeperError } from '../errors.ts';

/** One file in a zip file. */
export interface ZipEntry {
  /** As it stands there: nothing of it was checked. */
  readonly name: Buffer;
  /** What it says that it holds, in bytes. */
  readonly size: number;
  /** Its content. Throws `TreekeeperError('integrity')` where that is damaged, or cannot be read. */
  read(): Promise<Buffer>;
}

export interface ZipArchive extends AsyncDisposable {
  readonly entries: readonly ZipEntry[];
}

/*
 * Only what archives of key-value pairs need, and strictly: stored and deflated entries, read by the central directory, with
 * zip64 for more than 65,535 of them. Everything has to add up: sizes, checksums, and that no two entries share a byte of the
 * file, which is how a small file unpacks to any size. Numbers of sections are those of PKWARE's APPNOTE.TXT 6.3.10.
 */
const localHeader = { signature: 0x04034b50, size: 30 };
const centralHeader = { signature: 0x02014b50, size: 46 };
const end = { signature: 0x06054b50, size: 22 };
const end64 = { signature: 0x06064b50, size: 56 };
const locator64 = { signature: 0x07064b50, size: 20 };
const longestComment = 0xffff;
const inExtra = 0xffffffff;
const encryptedFlag = 1;
const [stored, deflated] = [0, 8];

/** Opens a zip file for reading. Throws `TreekeeperError('integrity')` where it is none, or not a whole one. */
export async function openZip(path: string): Promise<ZipArchive> {
  const file = await open(path, 'r').catch((cause) => {
    throw new TreekeeperError('failed', `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  });
  try {
    const entries = await readDirectory(file);
    return { entries, [Symbol.asyncDispose]: () => file.close() };
  } catch (cause) {
    await file.close();
    if (!(cause instanceof Fault)) throw cause;
    throw new TreekeeperError('integrity', `${path} is no whole zip file: ${cause.message}`, { cause });
  }
}

/** What is wrong with a file; `openZip` says with which. */
class Fault extends Error {}

/** Where an entry says that it is, and what it says of itself. */
interface Header {
  readonly name: Buffer;
  readonly flags: number;
  readonly method: number;
  readonly checksum: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

async function readDirectory(file: FileHandle): Promise<ZipEntry[]> {
  const { size: length } = await file.stat();
  const { count, offset, size } = await findDirectory(file, length);
  if (offset + size > length) throw new Fault('its directory lies beyond its end');
  const directory = await readAt(file, offset, size);
  const headers: Header[] = [];
  for (let at = 0; at < directory.length; ) {
    const { header, next } = decodeHeader(directory, at);
    headers.push(header);
    at = next;
  }
  if (headers.length !== count) throw new Fault(`it has ${headers.length} entries and says ${count}`);
  refuseOverlaps(headers, offset);
  return headers.map((header) => ({ name: header.name, size: header.size, read: () => readEntry(file, header) }));
}

/** Section 4.3.16: the end of the central directory is the last thing in the file, but for a comment. */
async function findDirectory(
  file: FileHandle,
  length: number,
): Promise<{ count: number; offset: number; size: number }> {
  const tailLength = Math.min(length, end.size + longestComment + locator64.size);
  const tail = await readAt(file, length - tailLength, tailLength);
  let at = tail.length - end.size;
  while (at >= 0 && !isEnd(tail, at)) at--;
  if (at < 0) throw new Fault('it has no directory at its end');

  const plain = {
    count: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  if (tail.readUInt16LE(at + 4) !== 0 && tail.readUInt16LE(at + 4) !== 0xffff)
    throw new Fault('it is one of several parts');
  const locator = at - locator64.size;
  if (locator < 0 || tail.readUInt32LE(locator) !== locator64.signature) return plain;

  const record = await readAt(file, toNumber(tail.readBigUInt64LE(locator + 8)), end64.size);
  if (record.readUInt32LE(0) !== end64.signature) throw new Fault('its zip64 directory is damaged');
  const wide = (offset: number) => toNumber(record.readBigUInt64LE(offset));
  return { count: wide(32), size: wide(40), offset: wide(48) };
}

function isEnd(tail: Buffer, at: number): boolean {
  return tail.readUInt32LE(at) === end.signature && at + end.size + tail.readUInt16LE(at + 20) === tail.length;
}

/** Section 4.3.12. */
function decodeHeader(directory: Buffer, at: number): { header: Header; next: number } {
  if (at + centralHeader.size > directory.length || directory.readUInt32LE(at) !== centralHeader.signature)
    throw new Fault('its directory is damaged');
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field));
  const nameEnd = at + centralHeader.size + (nameLength ?? 0);
  const extraEnd = nameEnd + (extraLength ?? 0);
  const next = extraEnd + (commentLength ?? 0);
  if (next > directory.length) throw new Fault('its directory is damaged');

  const wide = wideFields(directory.subarray(nameEnd, extraEnd));
  const field = (offset: number) => {
    const value = directory.readUInt32LE(at + offset);
    return value === inExtra ? (wide.shift() ?? value) : value;
  };
  // In this order, which is that of the extra field.
  const [size, packed, offset] = [field(24), field(20), field(42)];
  return {
    header: {
      name: directory.subarray(at + centralHeader.size, nameEnd),
      flags: directory.readUInt16LE(at + 8),
      method: directory.readUInt16LE(at + 10),
      checksum: directory.readUInt32LE(at + 16),
      ...{ size, packed, offset },
    },
    next,
  };
}

/** Section 4.5.3: the numbers that are too large for the header. */
function wideFields(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    return Array.from({ length: Math.floor(field.length / 8) }, (_, index) =>
      toNumber(field.readBigUInt64LE(index * 8)),
    );
  }
  return [];
}

function refuseOverlaps(headers: readonly Header[], directory: number): void {
  let used = 0;
  for (const { offset, name, packed } of [...headers].sort((a, b) => a.offset - b.offset)) {
    if (offset < used) throw new Fault('its entries lie in one another, as in a zip bomb');
    used = offset + localHeader.size + name.length + packed;
    if (used > directory) throw new Fault('an entry reaches beyond its end');
  }
}

async function readEntry(file: FileHandle, { method, flags, offset, packed, size, checksum }: Header): Promise<Buffer> {
  if ((flags & encryptedFlag) !== 0) throw damaged('it is encrypted');
  if (method !== stored && method !== deflated) throw damaged(`it is compressed by method ${method}`);
  try {
    const local = await readAt(file, offset, localHeader.size);
    if (local.readUInt32LE(0) !== localHeader.signature) throw new Fault('there is no entry where one should be');
    const start = offset + localHeader.size + local.readUInt16LE(26) + local.readUInt16LE(28);
    const content = await readAt(file, start, packed);
    const value = method === stored ? content : inflate(content, size);
    if (value.length !== size) throw new Fault(`it holds ${value.length} B and says ${size}`);
    if (crc32(value) !== checksum) throw new Fault('its checksum is wrong');
    return value;
  } catch (cause) {
    throw damaged(reasonOf(cause), cause);
  }
}

/** Never more is unpacked than an entry says that it holds. */
function inflate(content: Buffer, size: number): Buffer {
  try {
    return inflateRawSync(content, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    const isLonger = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    throw isLonger ? new Fault(`it holds more than the ${size} B that it says`) : cause;
  }
}

function damaged(reason: string, cause?: unknown): TreekeeperError {
  return new TreekeeperError('integrity', `damaged in the archive: ${reason}`, { cause });
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw new Fault('it ends too early');
  return buffer;
}

function toNumber(wide: bigint): number {
  if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw new Fault('a size in it is beyond all measure');
  return Number(wide);
}
