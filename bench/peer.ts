/** Calls `work` for each item, in order, so many at once. */
export async function inFlight<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<unknown>,
  most = 512,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const item = items[next] as Item;
      next += 1;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: most }, lane));
}

/** Visits a tree from the top, 512 nodes at once, and answers how many there are. The system's own are left out. */
export async function readTree(
  top: string,
  read: (path: string) => Promise<{ readonly names: readonly string[] }>,
): Promise<number> {
  let level = [top];
  let nodes = 0;
  while (level.length > 0) {
    const below: string[] = [];
    await inFlight(level, async (path) => {
      const { names } = await read(path);
      for (const name of names)
        if (path !== '/' || name !== 'zookeeper') below.push(path === '/' ? `/${name}` : `${path}/${name}`);
    });
    nodes += level.length;
    level = below;
  }
  return nodes;
}
