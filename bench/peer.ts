import { inFlight } from '../test/in-flight.ts';

/** How many requests the clients that we are measured beside have in flight. */
export const requests = 512;

/** Visits a tree from the top, 512 nodes at once, and answers how many there are. The system's own are left out. */
export async function readTree(
  top: string,
  read: (path: string) => Promise<{ readonly names: readonly string[] }>,
): Promise<number> {
  let level = [top];
  let nodes = 0;
  while (level.length > 0) {
    const below: string[] = [];
    await inFlight(level, requests, async (path) => {
      const { names } = await read(path);
      for (const name of names)
        if (path !== '/' || name !== 'zookeeper') below.push(path === '/' ? `/${name}` : `${path}/${name}`);
    });
    nodes += level.length;
    level = below;
  }
  return nodes;
}
