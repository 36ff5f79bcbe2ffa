/** Calls `work` for each item, in order, at most so many at once. */
export async function inFlight<Item>(
  items: readonly Item[],
  most: number,
  work: (item: Item, index: number) => Promise<unknown>,
): Promise<void> {
  const waiting = items.entries();
  const lane = async () => {
    for (const [index, item] of waiting) await work(item, index);
  };
  await Promise.all(Array.from({ length: most }, lane));
}
