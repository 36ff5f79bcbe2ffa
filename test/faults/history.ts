import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Writer } from '../commands/stores.ts';
import type { Random } from '../random.ts';

type Content = ReadonlyMap<string, string>;

/** What a service went through while one client changed it, one change after the other. */
export interface History {
  /** How many changes are done, and how many are begun. */
  readonly done: number;
  readonly begun: number;
  /** Whether the content was exactly this after one of the changes from the `first` to the `last`. */
  passedThrough(content: Content, first: number, last: number): boolean;
  /** What is wrong with it as a mixture of what the nodes were in that time; nothing where each had its value then. */
  mismatches(content: Content, first: number, last: number): string[];
  /** Ends the changes, once the last one is done. */
  stop(): Promise<void>;
}

/**
 * Changes leaves of a tree that nobody else changes, in bursts and with pauses, so that some reads find it quiet and most
 * do not: values that are new every time, leaves that go and come back. `begin` is what is there.
 */
export function startHistory(writer: Writer, begin: Content, leaves: readonly string[], random: Random): History {
  const now = new Map(begin);
  /** What each node was after which change, from the beginning on; `undefined` where it was not there. */
  const values = new Map([...begin].map(([key, value]) => [key, [{ since: 0, value: value as string | undefined }]]));
  let print = [...now].reduce((sum, entry) => sum ^ printOf(...entry), 0n);
  const prints = [print];
  let begun = 0;
  let isStopped = false;

  async function change(): Promise<void> {
    const key = random.pick(leaves);
    const before = now.get(key);
    const after = before !== undefined && random.below(5) === 0 ? undefined : `change ${begun + 1}`;
    begun += 1;
    await (after === undefined ? writer.remove(key) : writer.put(key, after));
    if (before !== undefined) print ^= printOf(key, before);
    if (after !== undefined) print ^= printOf(key, after);
    if (after === undefined) now.delete(key);
    else now.set(key, after);
    values.set(key, [...(values.get(key) ?? []), { since: begun, value: after }]);
    prints.push(print);
  }

  const ended = (async () => {
    while (!isStopped) {
      for (let burst = 1 + random.below(200); burst > 0 && !isStopped; burst--) await change();
      await delay(random.below(150));
    }
  })();

  return {
    get done() {
      return prints.length - 1;
    },
    get begun() {
      return begun;
    },
    passedThrough(content, first, last) {
      const wanted = [...content].reduce((sum, entry) => sum ^ printOf(...entry), 0n);
      return prints.slice(first, last + 1).includes(wanted);
    },
    mismatches(content, first, last) {
      const problems: string[] = [];
      for (const key of new Set([...content.keys(), ...values.keys()])) {
        const all = values.get(key) ?? [];
        const then = all.filter(({ since }, index) => since <= last && (all[index + 1]?.since ?? last) >= first);
        const possible = then.map(({ value }) => value);
        if (all.length === 0 || (all[0]?.since ?? 0) > first) possible.push(undefined);
        if (!possible.includes(content.get(key))) problems.push(`${key} is ${content.get(key)}, not ${possible}`);
      }
      return problems;
    },
    async stop() {
      isStopped = true;
      await ended;
    },
  };
}

function printOf(key: string, value: string): bigint {
  return createHash('sha256')
    .update(JSON.stringify([key, value]))
    .digest()
    .readBigUInt64BE();
}
