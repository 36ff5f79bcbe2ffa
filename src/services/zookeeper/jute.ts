/*
 * Jute, the encoding of ZooKeeper's protocol: big-endian, strings and buffers behind a length, -1 for null. Strings are
 * handled as one character per byte, since a path is bytes to everybody else here. Classes, since there is a reader for
 * every answer: an object with functions of its own costs ten times as much memory.
 */

/** Writes records. Every method answers the writer, so that a record reads as its fields. */
export class JuteWriter {
  #bytes = Buffer.allocUnsafe(256);
  #at = 0;

  /** So many bytes were written. */
  get size(): number {
    return this.#at;
  }

  int(value: number): this {
    const start = this.#reserve(4);
    this.#bytes.writeInt32BE(value, start);
    return this;
  }

  long(value: bigint): this {
    const start = this.#reserve(8);
    this.#bytes.writeBigInt64BE(BigInt.asIntN(64, value), start);
    return this;
  }

  bool(value: boolean): this {
    const start = this.#reserve(1);
    this.#bytes[start] = value ? 1 : 0;
    return this;
  }

  buffer(value: Uint8Array | null): this {
    if (value === null) return this.int(-1);
    const start = this.#reserve(4 + value.length);
    this.#bytes.writeInt32BE(value.length, start);
    this.#bytes.set(value, start + 4);
    return this;
  }

  /** One character per byte. */
  string(value: string): this {
    const start = this.#reserve(4 + value.length);
    this.#bytes.writeInt32BE(value.length, start);
    this.#bytes.write(value, start + 4, 'latin1');
    return this;
  }

  /** A frame of the protocol: what `write` writes, behind its length. */
  frame(write: (writer: this) => void): this {
    const start = this.#reserve(4);
    write(this);
    this.#bytes.writeInt32BE(this.#at - start - 4, start);
    return this;
  }

  /** What was written. The writer is done with then. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(size: number): number {
    const start = this.#at;
    this.#at += size;
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    return start;
  }
}

/** Reads one record. Throws `RangeError` where it is shorter than its fields say. */
export class JuteReader {
  readonly #source: Buffer;
  #at = 0;

  constructor(source: Buffer) {
    this.#source = source;
  }

  get source(): Buffer {
    return this.#source;
  }

  get remaining(): number {
    return this.#source.length - this.#at;
  }

  int(): number {
    return this.#source.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#source.readBigInt64BE(this.#take(8));
  }

  bool(): boolean {
    return this.#source[this.#take(1)] !== 0;
  }

  /** A view into what is read. */
  buffer(): Buffer | null {
    const length = this.int();
    return length === -1 ? null : this.bytes(length);
  }

  string(): string {
    const length = this.int();
    // The Java server writes a null string as the empty one; its C client reads -1 as empty too.
    if (length === -1) return '';
    const start = this.#take(length);
    return this.#source.toString('latin1', start, start + length);
  }

  /** The next bytes, as a view. */
  bytes(length: number): Buffer {
    const start = this.#take(length);
    return this.#source.subarray(start, start + length);
  }

  /** Passes over the next bytes. Answers where they begin in `source`. */
  skip(length: number): number {
    return this.#take(length);
  }

  #take(size: number): number {
    const start = this.#at;
    if (size < 0 || start + size > this.#source.length) throw new RangeError('the record is cut off');
    this.#at += size;
    return start;
  }
}
