/*
 * The part of the protobuf wire format that etcd's messages need. Fields that we have no use for are passed over, as the
 * format wants it, so that newer servers may add some.
 */

/** One field as bytes: `text` and `message` fields are the same on the wire. */
export function bytesField(number: number, content: Uint8Array): Uint8Array[] {
  return content.length === 0 ? [] : [varint((number << 3) | 2), varint(content.length), content];
}

/** A field that is written even where it is empty: in a `oneof` its being there is what counts. */
export function messageField(number: number, parts: readonly Uint8Array[]): Uint8Array[] {
  const content = Buffer.concat(parts);
  return [varint((number << 3) | 2), varint(content.length), content];
}

/** Zero is the default, and not written. */
export function intField(number: number, value: number | bigint): Uint8Array[] {
  return Number(value) === 0 ? [] : [varint(number << 3), varint(value)];
}

/** Numbers of one byte, which nearly all tags and lengths are. */
const small = Array.from({ length: 0x80 }, (_, value) => Uint8Array.of(value));

function varint(value: number | bigint): Uint8Array {
  const known = small[Number(value)];
  if (known) return known;
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** Goes through the fields of one message. Throws `RangeError` where the bytes end within a field. */
export interface FieldReader {
  /** Moves to the next field and answers its number; 0 at the end. */
  next(): number;
  /** The bytes of the field, as a view into the message. */
  bytes(): Buffer;
  int(): bigint;
  bool(): boolean;
  /** To be called for every field that nothing else was called for. */
  skip(): void;
}

export function readFields(message: Buffer): FieldReader {
  let at = 0;
  let wireType = 0;

  /** Small numbers, which lengths and tags are; larger ones by `bigVarint`. */
  function smallVarint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 35; factor *= 128) {
      const byte = byteAt();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a length in the message is too large');
  }

  function bigVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = byteAt();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number in the message is too large');
  }

  function byteAt(): number {
    const byte = message[at++];
    if (byte === undefined) throw new RangeError('the message ends within a field');
    return byte;
  }

  function advance(length: number): number {
    const start = at;
    at += length;
    if (at > message.length) throw new RangeError('the message ends within a field');
    return start;
  }

  return {
    next() {
      if (at >= message.length) return 0;
      const tag = smallVarint();
      wireType = tag & 7;
      return Math.floor(tag / 8);
    },

    bytes() {
      const length = smallVarint();
      const start = advance(length);
      return message.subarray(start, at);
    },

    int: bigVarint,
    bool: () => smallVarint() !== 0,

    skip() {
      if (wireType === 0) while (byteAt() >= 0x80);
      else if (wireType === 2) advance(smallVarint());
      else if (wireType === 1) advance(8);
      else if (wireType === 5) advance(4);
      else throw new RangeError(`the message has a field of the unknown wire type ${wireType}`);
    },
  };
}
