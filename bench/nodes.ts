import type { Node } from '../src/snapshot/node.ts';

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const words = [
  'timeout',
  'endpoint',
  'replicas',
  'password',
  'region',
  'weight',
  'enabled',
  'owner',
  'version',
  'limit',
];

/** A value as configuration has them: some lines of YAML, about 200 bytes. */
export function configurationText(random: () => number): Uint8Array {
  let text = '';
  const size = 80 + random() * 240;
  while (text.length < size) {
    text += `${words[Math.floor(random() * words.length)]}: ${Math.floor(random() * 2 ** 40).toString(36)}\n`;
  }
  return Buffer.from(text);
}

/** Nodes as a service holds them: some 30 in a directory, three levels deep, in ascending order of their keys. */
export function realisticNodes(count: number, seed: number): Node[] {
  const random = randomFrom(seed);
  const keys: string[] = [];
  for (let number = 0; keys.length < count; number++) {
    const service = `/config/team-${String(Math.floor(number / 900)).padStart(4, '0')}/service-${String(Math.floor(number / 30) % 30).padStart(2, '0')}`;
    keys.push(`${service}/${words[number % words.length]}-${String(number % 30).padStart(2, '0')}`);
  }
  return keys.sort().map((key) => ({
    key: Buffer.from(key),
    value: configurationText(random),
    attributes: undefined,
    ephemeral: undefined,
  }));
}

/** The same number of nodes side by side in one directory. */
export function flatNodes(count: number, seed: number): Node[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, number) => ({
    key: Buffer.from(`/flat/node-${String(number).padStart(8, '0')}`),
    value: configurationText(random),
    attributes: undefined,
    ephemeral: undefined,
  }));
}

/** The nodes with one more for every directory that they are in, those above first. */
export function parentsOf(nodes: readonly Node[]): Node[] {
  const all = new Map<string, Node>();
  for (const node of nodes) {
    const key = Buffer.from(node.key).toString();
    for (let slash = key.indexOf('/', 1); slash > 0; slash = key.indexOf('/', slash + 1)) {
      const path = key.slice(0, slash);
      if (!all.has(path)) all.set(path, { ...node, key: Buffer.from(path), value: Buffer.from('directory') });
    }
    all.set(key, node);
  }
  return [...all.values()];
}
