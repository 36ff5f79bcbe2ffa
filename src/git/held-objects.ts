import type { Oid } from '../snapshot/objects.ts';
import { eachObject, type ObjectList, objectList } from './object-list.ts';
import type { ObjectType } from './reader.ts';

const idSize = 20;

/** A list has room for so many bytes, the first one, of a small snapshot, for fewer. */
const [firstList, laterLists] = [64 * 1024, 1024 * 1024];

/** Objects in the order in which they came, side by side: with memory of its own for each, small ones take twice as much. */
export class HeldObjects {
  #lists: ObjectList[] = [];
  #ids = newIds();
  #count = 0;
  #size = 0;

  /** Bytes of the contents so far. */
  get size(): number {
    return this.#size;
  }

  /** The content is copied. */
  add(type: ObjectType, content: Uint8Array, oid: Oid): void {
    let list = this.#lists.at(-1);
    if (!list?.fits(content)) {
      list = objectList(list ? laterLists : firstList, content);
      this.#lists.push(list);
    }
    list.add(type, content);
    this.#size += content.length;

    if (this.#count * idSize === this.#ids.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#ids.length);
      this.#ids.copy(larger);
      this.#ids = larger;
    }
    this.#ids.write(oid, this.#count * idSize, 'hex');
    this.#count += 1;
  }

  /**
   * Gives all of them away, in the order in which they came, and lets go of them on the way. `content` and `id` are parts of
   * its memory.
   */
  giveAway(take: (type: ObjectType, content: Buffer, id: Buffer) => void): void {
    const [lists, ids] = [this.#lists, this.#ids];
    [this.#lists, this.#ids, this.#count, this.#size] = [[], newIds(), 0, 0];
    let at = 0;
    for (let list = lists.shift(); list; list = lists.shift()) {
      eachObject(list.finish(), (type, content) => {
        take(type, content, ids.subarray(at, at + idSize));
        at += idSize;
      });
    }
  }
}

function newIds(): Buffer {
  return Buffer.allocUnsafeSlow(1024 * idSize);
}
