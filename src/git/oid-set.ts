import type { Oid } from '../snapshot/objects.ts';

/** Words of 32 bits in an object id. */
const width = 5;

/** A set of object ids in 20 bytes each and some room: a million of them take 25 to 40 MB. */
export class OidSet {
  /** Room for a small snapshot, since growing takes as long as filling. */
  #capacity = 1 << 15;
  #words = new Uint32Array(this.#capacity * width);
  #size = 0;
  readonly #scratch = Buffer.alloc(width * 4);
  readonly #key = new Uint32Array(this.#scratch.buffer, this.#scratch.byteOffset, width);

  get size(): number {
    return this.#size;
  }

  has(oid: Oid): boolean {
    this.#scratch.write(oid, 'hex');
    return this.#words[this.#find()] !== 0;
  }

  /** The same for an id as 20 bytes, `start` bytes into a buffer. */
  hasBytes(bytes: Buffer, start: number): boolean {
    bytes.copy(this.#scratch, 0, start, start + width * 4);
    return this.#words[this.#find()] !== 0;
  }

  /** Whether the id was not in the set before. */
  add(oid: Oid): boolean {
    this.#scratch.write(oid, 'hex');
    return this.#insert();
  }

  /** The same for an id as 20 bytes, `start` bytes into a buffer. */
  addBytes(bytes: Buffer, start: number): boolean {
    bytes.copy(this.#scratch, 0, start, start + width * 4);
    return this.#insert();
  }

  #insert(): boolean {
    const at = this.#find();
    if (this.#words[at] !== 0) return false;

    this.#words.set(this.#key, at);
    this.#size += 1;
    if (this.#size > this.#capacity * 0.8) this.#grow();
    return true;
  }

  /**
   * Where the id in the scratch buffer is, or would be. Ids are evenly spread by nature, so their last word serves as
   * the hash; a first word of zero, one id in four thousand million, stands for an empty slot and is stored as one.
   */
  #find(): number {
    const words = this.#words;
    const key = this.#key;
    if (key[0] === 0) key[0] = 1;

    let at = ((key[4] ?? 0) % this.#capacity) * width;
    while (words[at] !== 0 && !this.#isAt(at)) {
      at += width;
      if (at === words.length) at = 0;
    }
    return at;
  }

  #isAt(at: number): boolean {
    const words = this.#words;
    const key = this.#key;
    return (
      words[at] === key[0] &&
      words[at + 1] === key[1] &&
      words[at + 2] === key[2] &&
      words[at + 3] === key[3] &&
      words[at + 4] === key[4]
    );
  }

  #grow(): void {
    const before = this.#words;
    this.#capacity = Math.ceil(this.#capacity * 1.5);
    const words = new Uint32Array(this.#capacity * width);
    for (let from = 0; from < before.length; from += width) {
      if (before[from] === 0) continue;
      // All are different, so only a free place has to be found.
      let at = ((before[from + width - 1] ?? 0) % this.#capacity) * width;
      while (words[at] !== 0) at = at + width === words.length ? 0 : at + width;
      for (let word = 0; word < width; word++) words[at + word] = before[from + word] ?? 0;
    }
    this.#words = words;
  }
}
