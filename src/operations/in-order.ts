/**
 * Does `work` for each item, up to `most` of them at once, and yields the results in the order of the items. It begins with
 * one at a time: whoever wants only the first few results pays for few.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  work: (item: Item) => Promise<Result>,
  most: number,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  let wanted = 1;
  for await (const item of items) {
    const result = work(item);
    // It is waited for later, or never where the caller has seen enough.
    result.catch(() => {});
    running.push(result);
    if (running.length < wanted) continue;
    yield running.shift() as Promise<Result>;
    wanted = Math.min(wanted + 1, most);
  }
  yield* running;
}
