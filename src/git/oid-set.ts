import type { Oid } from '../snapshot/objects.ts';

/** Words of 32 bits in an object id. */
const width = 5;

/** A set of object ids in 20 bytes each and some room: a million of them take less than 40 MB. */
export class OidSet {
  #capacity = 1024;
  #words = new Uint32Array(this.#capacity * width);
  #size = 0;
  readonly #scratch = Buffer.alloc(width * 4);
  readonly #key = new Uint32Array(this.#scratch.buffer, this.#scratch.byteOffset, width);

  get size(): number {
    return this.#size;
  }

  has(oid: Oid): boolean {
    this.#scratch.write(oid, 'hex');
    return this.#words[this.#slot()] !== 0;
  }

  /** Whether the id was not in the set before. */
  add(oid: Oid): boolean {
    this.#scratch.write(oid, 'hex');
    const at = this.#slot();
    if (this.#words[at] !== 0) return false;

    this.#words.set(this.#key, at);
    this.#size += 1;
    if (this.#size * 3 > this.#capacity * 2) this.#grow();
    return true;
  }

  /**
   * Where the id in the scratch buffer is, or would be. Ids are evenly spread by nature, so their last word serves as
   * the hash; a first word of zero, one id in four thousand million, stands for an empty slot and is stored as one.
   */
  #slot(): number {
    if (this.#key[0] === 0) this.#key[0] = 1;
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = this.#key;
    for (let slot = e % this.#capacity; ; slot = (slot + 1) % this.#capacity) {
      const at = slot * width;
      const words = this.#words;
      if (words[at] === 0) return at;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d && words[at + 4] === e) return at;
    }
  }

  #grow(): void {
    const before = this.#words;
    this.#capacity *= 2;
    this.#words = new Uint32Array(this.#capacity * width);
    for (let at = 0; at < before.length; at += width) {
      if (before[at] === 0) continue;
      this.#key.set(before.subarray(at, at + width));
      this.#words.set(this.#key, this.#slot());
    }
  }
}
