import { startAlike } from './bytes.ts';
import { latin1 } from './paths.ts';

/** A thing that has a key, and perhaps its name at hand: the key, one character a byte. */
export interface Keyed {
  readonly key: Uint8Array;
  readonly name?: string;
}

function nameOf({ key, name }: Keyed): string {
  return name ?? latin1(key);
}

/** Some things with keys, told together: all of them lie at or below one key. */
export interface Subtree<Item> {
  /** What their keys have in common, whole segments; empty where that is nothing. One of them may have this very key. */
  readonly key: Uint8Array;
  readonly items: readonly Item[];
}

/** `start` is all that the names in a group share, in whole segments, with the slash after it. */
interface Group<Item> {
  readonly start: string;
  readonly items: readonly Item[];
}

/**
 * Puts things into at most `most` groups by where their keys lie, the largest group always taken apart first, so that what
 * is left together is small or has nothing to tell it apart. In the order in which the groups' first things came.
 */
export function groupBySubtree<Item extends Keyed>(items: readonly Item[], most: number): Subtree<Item>[] {
  if (items.length <= most) return items.map((item) => ({ key: item.key, items: [item] }));
  let groups: Group<Item>[] = [{ start: '', items }];
  const whole = new Set<Group<Item>>();
  for (;;) {
    const [largest] = groups.filter((group) => !whole.has(group)).sort((a, b) => b.items.length - a.items.length);
    if (!largest || largest.items.length === 1) break;
    const parts = split(largest, most - groups.length + 1);
    if (!parts || (parts.length === 1 && parts[0]?.start === largest.start)) whole.add(largest);
    else groups = groups.flatMap((group) => (group === largest ? parts : [group]));
  }
  return groups.map(({ start, items }) => {
    const [only] = items;
    const key = items.length === 1 && only ? only.key : Buffer.from(start.replace(/(?!^)\/$/, ''), 'latin1');
    return { key, items };
  });
}

/**
 * By the next segment of their names; the one that ends here stays with those below it where they are a group. `undefined`
 * where these are more than `most`. Of a million items each array is made once, in its size, and no name is made of a key that is
 * in the same part as the one before.
 */
function split<Item extends Keyed>({ start, items }: Group<Item>, most: number): Group<Item>[] | undefined {
  const places = new Map<string, number>();
  const counts: number[] = [];
  /** Of each item, which part it is in. */
  const placeOf = new Uint32Array(items.length);
  let before: Uint8Array = new Uint8Array();
  let place = 0;
  for (const [index, item] of items.entries()) {
    const { key } = item;
    // The part of a node that stands for the whole group says nothing of those below it.
    if (before.length <= start.length || !startAlike(key, before, before.length)) {
      const part = partOf(nameOf(item), start.length);
      place = places.get(part) ?? places.size;
      if (place === most) return undefined;
      places.set(part, place);
      before = Buffer.from(part, 'latin1');
    }
    counts[place] = (counts[place] ?? 0) + 1;
    placeOf[index] = place;
  }
  const starts = [...places.keys()];
  const [only] = starts;
  if (starts.length === 1 && only !== undefined) return [{ start: only, items }];

  const parts = starts.map((part, index) => ({ start: part, items: new Array<Item>(counts[index] ?? 0), next: 0 }));
  for (const [index, item] of items.entries()) {
    const part = parts[placeOf[index] ?? 0];
    if (part) part.items[part.next++] = item;
  }
  return parts;
}

/** The part of a name that ends with the next slash, or, without one, with the slash that those below it have. */
function partOf(name: string, start: number): string {
  const end = name.indexOf('/', start);
  return end < 0 ? `${name}/` : name.slice(0, end + 1);
}
