import { randomInt } from 'node:crypto';
import { sameBytes } from '../snapshot/bytes.ts';
import type { Oid } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import type { Step, Verdict } from '../snapshot/plan.ts';
import type { Content, Entry } from '../snapshot/walk.ts';

/** Before the name of a node: the id of its value, what the node is, and how long the name is. */
const idSize = 20;
const lengthSize = 4;
const headSize = idSize + 1 + lengthSize;

/** What a node is, each a bit. One that moved has the key that it has in the snapshot after its name. */
const has = { value: 1, secret: 2, onlyParent: 4, moved: 8 } as const;

/**
 * One node that should be in the service, and the step of the plan that it becomes. A million of them are held at once, so
 * what all of them have lies in the memory of `WantedNodes`, and what few of them have is declared only: it takes no room
 * where it is not set.
 */
export class Wanted implements Step {
  verdict: Verdict = 'create';
  declare reason: string | undefined;
  /** What is there: compared already, or as it is where an encrypted value has to be opened first. */
  found: 'same' | 'differs' | Content | undefined = undefined;
  readonly #nodes: NodeMemory;
  readonly #at: number;
  declare private readonly attributes: Oid | undefined;

  constructor(nodes: NodeMemory, name: Uint8Array, { key, value, attributes }: Entry, onlyParent: boolean) {
    this.#nodes = nodes;
    const from = sameBytes(key, name) ? undefined : key;
    const kind =
      (value ? has.value : 0) |
      (value?.encrypted ? has.secret : 0) |
      (onlyParent ? has.onlyParent : 0) |
      (from ? has.moved : 0);
    this.#at = nodes.put(name, value?.oid ?? '', kind, from);
    if (attributes !== undefined) this.attributes = attributes;
  }

  /** A parent that was not asked for, and matters only where a child of it is created. */
  get onlyParent(): boolean {
    return (this.#nodes.kindAt(this.#at) & has.onlyParent) !== 0;
  }

  /** A part of the memory of all of them. */
  get key(): Uint8Array {
    return this.#nodes.nameAt(this.#at);
  }

  /** The key, one character a byte. */
  get name(): string {
    return latin1(this.key);
  }

  get entry(): Entry {
    const kind = this.#nodes.kindAt(this.#at);
    const value = kind & has.value ? { oid: this.#nodes.idAt(this.#at), encrypted: (kind & has.secret) !== 0 } : null;
    const key = kind & has.moved ? this.#nodes.fromAt(this.#at) : this.key;
    return { key, value, attributes: this.attributes };
  }

  isAt(key: Uint8Array): boolean {
    return this.#nodes.isNameAt(this.#at, key);
  }
}

/** The nodes that should be in a service, in the order in which they were put there first, parents before children. */
export class WantedNodes {
  readonly #memory = new NodeMemory();
  readonly #steps: Wanted[] = [];
  /** Places in `steps`, from 1 on, at the hash of their keys or after it; 0 is free. */
  #table = new Uint32Array(1 << 10);
  /** Both secret, so that nobody can choose keys that all have the same place. */
  readonly #seed = randomInt(2 ** 32);
  readonly #factor = 2 * randomInt(2 ** 31) + 1;

  get size(): number {
    return this.#steps.length;
  }

  get steps(): readonly Wanted[] {
    return this.#steps;
  }

  find(key: Uint8Array): Wanted | undefined {
    return this.#stepAt(this.#slotOf(key));
  }

  /** In the place of the node at that key, if there is one. The key is copied. */
  put(key: Uint8Array, entry: Entry, onlyParent: boolean): void {
    this.#putAt(this.#slotOf(key), key, entry, onlyParent);
  }

  /** The same, but where a node that was asked for is at that key already, which stays. Answers whether it was put. */
  add(key: Uint8Array, entry: Entry, onlyParent: boolean): boolean {
    const slot = this.#slotOf(key);
    const there = this.#stepAt(slot);
    if (there && !there.onlyParent) return false;
    this.#putAt(slot, key, entry, onlyParent);
    return true;
  }

  #stepAt(slot: number): Wanted | undefined {
    return this.#steps[(this.#table[slot] ?? 0) - 1];
  }

  #putAt(slot: number, key: Uint8Array, entry: Entry, onlyParent: boolean): void {
    const step = new Wanted(this.#memory, key, entry, onlyParent);
    const place = this.#table[slot] ?? 0;
    if (place > 0) {
      this.#steps[place - 1] = step;
      return;
    }
    this.#table[slot] = this.#steps.push(step);
    if (this.#steps.length > this.#table.length / 2) this.#grow();
  }

  /** Where the key is in the table, or would be. */
  #slotOf(key: Uint8Array): number {
    const mask = this.#table.length - 1;
    for (let slot = this.#hash(key) & mask; ; slot = (slot + 1) & mask) {
      const place = this.#table[slot] ?? 0;
      if (place === 0 || this.#steps[place - 1]?.isAt(key)) return slot;
    }
  }

  #hash(key: Uint8Array): number {
    let hash = this.#seed;
    for (let at = 0; at < key.length; at++) {
      hash = Math.imul(hash ^ (key[at] ?? 0), this.#factor);
      // Or the lowest bits would depend on the lowest bits alone, and a few secrets be all there are.
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #grow(): void {
    this.#table = new Uint32Array(this.#table.length * 2);
    for (const [index, { key }] of this.#steps.entries()) this.#table[this.#slotOf(key)] = index + 1;
  }
}

/** Names and ids one after the other, outside of what the garbage collector looks through. */
class NodeMemory {
  #bytes = Buffer.allocUnsafeSlow(1 << 16);
  #size = 0;

  /** `id` is 40 hex digits, or nothing; `from` is another key of the node, or none. Answers where it lies. */
  put(name: Uint8Array, id: string, kind: number, from: Uint8Array | undefined): number {
    const at = this.#size;
    const end = at + headSize + name.length;
    this.#size = from ? end + lengthSize + from.length : end;
    if (this.#size > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#size);
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#bytes.write(id, at, 'hex');
    this.#bytes[at + idSize] = kind;
    this.#putBytes(name, at + idSize + 1);
    if (from) this.#putBytes(from, end);
    return at;
  }

  idAt(at: number): string {
    return this.#bytes.toString('hex', at, at + idSize);
  }

  kindAt(at: number): number {
    return this.#bytes[at + idSize] ?? 0;
  }

  nameAt(at: number): Uint8Array {
    return this.#bytesAt(at + idSize + 1);
  }

  fromAt(at: number): Uint8Array {
    return this.#bytesAt(at + headSize + this.nameAt(at).length);
  }

  /** From the end, since names that are beside each other differ there. */
  isNameAt(at: number, name: Uint8Array): boolean {
    const bytes = this.#bytes;
    if (bytes.readUInt32LE(at + idSize + 1) !== name.length) return false;
    const start = at + headSize;
    for (let index = name.length - 1; index >= 0; index--) if (bytes[start + index] !== name[index]) return false;
    return true;
  }

  #putBytes(bytes: Uint8Array, at: number): void {
    this.#bytes.writeUInt32LE(bytes.length, at);
    this.#bytes.set(bytes, at + lengthSize);
  }

  #bytesAt(at: number): Uint8Array {
    const start = at + lengthSize;
    return this.#bytes.subarray(start, start + this.#bytes.readUInt32LE(at));
  }
}
