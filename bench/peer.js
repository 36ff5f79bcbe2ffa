/** Calls `work` for each item, in order, so many at once. */
export async function inFlight(items, work, most = 512) {
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const item = items[next];
      next += 1;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: most }, lane));
}

/** Visits a tree from the top, 512 nodes at once, and answers how many there are. The system's own are left out. */
export async function readTree(top, read) {
  let level = [top];
  let nodes = 0;
  while (level.length > 0) {
    const below = [];
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
