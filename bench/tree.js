import { parentsOf, realisticNodes } from './nodes.ts';

/** The nodes of `realisticNodes` with the directories that they are in, those above first, as paths and buffers. */
export function realisticTree(count) {
  return parentsOf(realisticNodes(count, 1)).map(({ key, value }) => ({
    path: Buffer.from(key).toString(),
    data: Buffer.from(value ?? ''),
  }));
}
