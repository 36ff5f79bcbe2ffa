/*
 * The part of the protobuf wire format that etcd's messages need. Fields that we have no use for are passed over, as the
 * format wants it, so that newer servers may add some. Classes, since there is a reader for every key: an object with
 * functions of its own costs ten times as much memory.
 */

const wireTypes = { number: 0, bytes: 2 } as const;

/** The length of a message stands before it and is known after it, so it takes as many bytes as any may need. */
const lengthSize = 5;

/** Writes one message, field by field. */
export class MessageWriter {
  #bytes = Buffer.allocUnsafe(4096);
  #size = 0;

  /** A field as bytes: `text` is the same on the wire. An empty one is the default, and not written. */
  bytes(field: number, content: Uint8Array): this {
    if (content.length === 0) return this;
    this.#reserve(content.length + 20);
    this.#varint((field << 3) | wireTypes.bytes);
    this.#varint(content.length);
    this.#bytes.set(content, this.#size);
    this.#size += content.length;
    return this;
  }

  /** Zero is the default, and not written. */
  int(field: number, value: number | bigint): this {
    return Number(value) === 0 ? this : this.oneOfInt(field, value);
  }

  /** A number in a `oneof` is written even where it is zero: its being there is what counts. */
  oneOfInt(field: number, value: number | bigint): this {
    this.#reserve(20);
    this.#varint((field << 3) | wireTypes.number);
    this.#varint(value);
    return this;
  }

  /** A message in this one, be it empty: what `write` writes. */
  message(field: number, write: (writer: this) => void): this {
    this.#reserve(20);
    this.#varint((field << 3) | wireTypes.bytes);
    const start = this.#size;
    this.#size += lengthSize;
    write(this);
    let length = this.#size - start - lengthSize;
    for (let at = start; at < start + lengthSize - 1; at++, length >>>= 7) this.#bytes[at] = (length & 0x7f) | 0x80;
    this.#bytes[start + lengthSize - 1] = length;
    return this;
  }

  /** What was written. The writer is done with then. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #reserve(more: number): void {
    if (this.#size + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#size + more));
    this.#bytes.copy(larger, 0, 0, this.#size);
    this.#bytes = larger;
  }

  #varint(value: number | bigint): void {
    if (value > 0xffff_ffff) {
      let rest = BigInt(value);
      for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#size++] = Number(rest & 0x7fn) | 0x80;
      this.#bytes[this.#size++] = Number(rest);
      return;
    }
    let rest = Number(value);
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#size++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#size++] = rest;
  }
}

/**
 * Goes through the fields of one message. Throws `RangeError` where the bytes are no fields, or one is asked for as what it is
 * not.
 */
export class FieldReader {
  readonly #message: Buffer;
  #at: number;
  readonly #end: number;
  #wireType = 0;

  /** The message is what lies from `start` to `end`. */
  constructor(message: Buffer, start = 0, end = message.length) {
    this.#message = message;
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next field and answers its number; 0 at the end. */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.#smallVarint();
    // Zeros in the place of a field are no end: what comes behind them would be lost without a word.
    if (tag < 8) throw new RangeError('the message has a field of the number 0');
    this.#wireType = tag & 7;
    return Math.floor(tag / 8);
  }

  /** The bytes of the field, as a view into the message. */
  bytes(): Buffer {
    this.#require(wireTypes.bytes);
    const length = this.#smallVarint();
    const start = this.#advance(length);
    return this.#message.subarray(start, start + length);
  }

  /** The fields of the message that the field is. */
  message(): FieldReader {
    this.#require(wireTypes.bytes);
    const length = this.#smallVarint();
    const start = this.#advance(length);
    return new FieldReader(this.#message, start, start + length);
  }

  int(): bigint {
    this.#require(wireTypes.number);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number in the message is too large');
  }

  bool(): boolean {
    this.#require(wireTypes.number);
    return this.#smallVarint() !== 0;
  }

  /** To be called for every field that nothing else was called for. */
  skip(): void {
    if (this.#wireType === 0) while (this.#byte() >= 0x80);
    else if (this.#wireType === 2) this.#advance(this.#smallVarint());
    else if (this.#wireType === 1) this.#advance(8);
    else if (this.#wireType === 5) this.#advance(4);
    else throw new RangeError(`the message has a field of the unknown wire type ${this.#wireType}`);
  }

  #require(wireType: number): void {
    if (this.#wireType !== wireType) throw new RangeError('the message has a field of another type than it has to be');
  }

  /** Small numbers, which lengths and tags are. */
  #smallVarint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 35; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a length in the message is too large');
  }

  #byte(): number {
    const byte = this.#message[this.#at];
    if (byte === undefined || this.#at >= this.#end) throw new RangeError('the message ends within a field');
    this.#at += 1;
    return byte;
  }

  #advance(length: number): number {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new RangeError('the message ends within a field');
    return start;
  }
}
