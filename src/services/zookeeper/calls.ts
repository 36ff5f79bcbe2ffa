import { codes, type ZookeeperFailure } from './failure.ts';
import { type JuteReader, JuteWriter } from './jute.ts';
import type { Result } from './records.ts';

/** How calls of one operation are written and answered. */
export interface Operation<Item, Answer> {
  readonly op: number;
  encode(writer: JuteWriter, item: Item): void;
  /** Throws `RangeError` for what is no answer. */
  decode(reader: JuteReader): Answer;
  /** Whether it may be carried out again where nobody knows whether it was. */
  readonly repeatable: boolean;
}

/** Calls of one operation that are made together: one frame for each, and one promise for all answers. */
export interface Calls {
  /** All frames, one behind the other. */
  readonly frames: Buffer;
  readonly repeatable: boolean;
  /** The frame of one of them. */
  frame(index: number): Buffer;
  /** Takes the answer of one of them, or its error. Throws what `decode` throws. */
  answer(index: number, error: number, reader: JuteReader): void;
  /** Ends all of them. */
  fail(reason: ZookeeperFailure): void;
}

/**
 * `firstXid` is the number of the first call, and those after it count on. `settled` is called with what the calls gave in
 * the order of `items`, or with why they failed.
 */
export function makeCalls<Item, Answer>(
  { op, encode, decode, repeatable }: Operation<Item, Answer>,
  items: readonly Item[],
  firstXid: number,
  settled: (outcome: Result<Answer>[] | ZookeeperFailure) => void,
): Calls {
  const writer = new JuteWriter();
  const ends = items.map((item, index) => {
    writer.frame(() => encode(writer.int(firstXid + index).int(op), item));
    return writer.size;
  });
  const frames = writer.finish();
  const results: Result<Answer>[] = new Array(items.length);
  let left = items.length;

  return {
    frames,
    repeatable,
    frame: (index) => frames.subarray(ends[index - 1] ?? 0, ends[index]),
    answer(index, error, reader) {
      results[index] = error === codes.ok ? { error: codes.ok, answer: decode(reader) } : { error, answer: undefined };
      left -= 1;
      if (left === 0) settled(results);
    },
    fail: settled,
  };
}
