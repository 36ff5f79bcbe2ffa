/*
 * Jute, the encoding of ZooKeeper's protocol: big-endian, strings and buffers behind a length, -1 for null. Strings are
 * handled as one character per byte, since a path is bytes to everybody else here.
 */

/** Writes one record. Every method answers the writer, so that a record reads as its fields. */
export interface JuteWriter {
  int(value: number): JuteWriter;
  long(value: bigint): JuteWriter;
  bool(value: boolean): JuteWriter;
  buffer(value: Uint8Array | null): JuteWriter;
  /** One character per byte. */
  string(value: string): JuteWriter;
  /** What was written, as a copy of its own. */
  finish(): Buffer;
}

export function juteWriter(): JuteWriter {
  let bytes = Buffer.allocUnsafe(128);
  let at = 0;

  function reserve(size: number): number {
    if (at + size > bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + size));
      bytes.copy(larger, 0, 0, at);
      bytes = larger;
    }
    at += size;
    return at - size;
  }

  const writer: JuteWriter = {
    int(value) {
      const start = reserve(4);
      bytes.writeInt32BE(value, start);
      return writer;
    },
    long(value) {
      const start = reserve(8);
      bytes.writeBigInt64BE(BigInt.asIntN(64, value), start);
      return writer;
    },
    bool(value) {
      const start = reserve(1);
      bytes[start] = value ? 1 : 0;
      return writer;
    },
    buffer(value) {
      if (value === null) return writer.int(-1);
      const start = reserve(4 + value.length);
      bytes.writeInt32BE(value.length, start);
      bytes.set(value, start + 4);
      return writer;
    },
    string(value) {
      const start = reserve(4 + value.length);
      bytes.writeInt32BE(value.length, start);
      bytes.write(value, start + 4, 'latin1');
      return writer;
    },
    finish: () => Buffer.from(bytes.subarray(0, at)),
  };
  return writer;
}

/** Reads one record. Throws `RangeError` where it is shorter than its fields say. */
export interface JuteReader {
  int(): number;
  long(): bigint;
  bool(): boolean;
  /** A view into what is read. */
  buffer(): Buffer | null;
  string(): string;
  /** The next bytes, as a view. */
  bytes(length: number): Buffer;
  readonly remaining: number;
}

export function juteReader(source: Buffer): JuteReader {
  let at = 0;

  function take(size: number): number {
    if (size < 0 || at + size > source.length) throw new RangeError('the record is cut off');
    at += size;
    return at - size;
  }

  const reader: JuteReader = {
    int: () => source.readInt32BE(take(4)),
    long: () => source.readBigInt64BE(take(8)),
    bool: () => source[take(1)] !== 0,
    buffer() {
      const length = reader.int();
      return length === -1 ? null : reader.bytes(length);
    },
    string() {
      const length = reader.int();
      // The Java server writes a null string as the empty one; its C client reads -1 as empty too.
      if (length === -1) return '';
      const start = take(length);
      return source.toString('latin1', start, start + length);
    },
    bytes(length) {
      const start = take(length);
      return source.subarray(start, start + length);
    },
    get remaining() {
      return source.length - at;
    },
  };
  return reader;
}
