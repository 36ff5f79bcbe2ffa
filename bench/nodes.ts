import type { Node } from '../src/snapshot/node.ts';
import { type Random, seeded } from '../test/random.ts';

const words = 'timeout endpoint replicas password region weight enabled owner version limit'.split(' ');

/** Bytes of the values: log-normal, a median of 180, from 20 to 4,096. */
const [smallest, median, deviation, largest] = [20, 180, 0.9, 4_096];
/** One in so many nodes has a large value, of this many bytes: more than that Consul does not take. */
const [largeEvery, large] = [20_000, 500_000];

/** A value as configuration has them: lines of YAML. */
export function configurationText(random: Random): Uint8Array {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return linesOf(Math.min(largest, Math.max(smallest, Math.round(median * Math.exp(deviation * normal)))), random);
}

function linesOf(size: number, random: Random): Uint8Array {
  const lines: string[] = [];
  for (let length = 0; length < size; length += lines.at(-1)?.length ?? 0)
    lines.push(`${random.pick(words)}: ${random.below(2 ** 31).toString(36)}\n`);
  return Buffer.from(lines.join('')).subarray(0, size);
}

/**
 * Nodes as a service holds them, in ascending order of their keys: most of them some 30 in a directory, three to six levels
 * deep, and a tenth in directories of 10,000 children or, of a million nodes, one of 100,000.
 */
export function realisticNodes(count: number, seed: number): Node[] {
  const random = seeded(seed);
  const wide = Math.floor(count / 10);
  const keys = Array.from({ length: wide }, (_, number) => {
    const directory = wide >= 100_000 ? 'all' : Math.floor(number / 10_000);
    return `/sessions/${directory}/s-${String(number).padStart(8, '0')}`;
  });
  const between = ['', '/v2', '/v2/main', '/v2/main/eu'];
  for (let number = 0; keys.length < count; number++) {
    const team = `/config/team-${String(Math.floor(number / 900)).padStart(4, '0')}`;
    const service = `service-${String(Math.floor(number / 30) % 30).padStart(2, '0')}`;
    const deeper = between[Math.floor(number / 30) % between.length] ?? '';
    keys.push(`${team}/${service}${deeper}/${words[number % words.length]}-${String(number % 30).padStart(2, '0')}`);
  }
  return keys.sort().map((key, index) => {
    const value = index % largeEvery === largeEvery / 4 ? linesOf(large, random) : configurationText(random);
    return { key: Buffer.from(key), value, attributes: undefined, ephemeral: undefined };
  });
}

/** The same number of nodes side by side in one directory. */
export function flatNodes(count: number, seed: number): Node[] {
  const random = seeded(seed);
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
