import type { Node } from '../../snapshot/node.ts';
import { latin1 } from '../../snapshot/paths.ts';
import type { ReadEvent, Reading, ReadOptions, Unreadable } from '../service.ts';
import { openLanes } from './lanes.ts';
import { parentPath, systemPath } from './paths.ts';
import { openReads } from './reads.ts';
import type { ZookeeperAddress } from './session.ts';
import { type Found, openWalk, type Walk } from './walk.ts';

/** How often a tree is read again where it moved. */
const mostPasses = 3;
const batchNodes = 2_000;

/** A whole tree as it was read, and how well it holds together. */
export interface Tree {
  readonly walk: Walk;
  readonly reading: Reading;
}

/**
 * Reads the tree at and below `top`. ZooKeeper cannot read several nodes at one moment, so afterwards everything is looked
 * at again until a pass finds that nothing moved since; where something still does after three of them, the reading says
 * so with the transactions between which it lies. The tree is held in memory meanwhile. Rejects with a `ZookeeperFailure`.
 */
export async function readTree(address: ZookeeperAddress, top: string, options: ReadOptions): Promise<Tree> {
  const { prefixes = [] } = options;
  const { session, reads } = await openReads(address);
  const lanes = openLanes(address, session);
  try {
    await lanes.synchronize();
    const start = lanes.zxid;
    const walk = openWalk(lanes, reads, wantedBy(prefixes.map(latin1)), options);
    await walk.descend(top);

    let consistency: Reading['consistency'] = 'fuzzy';
    for (let pass = 1; pass <= mostPasses && consistency === 'fuzzy'; pass++) {
      // Where there was no transaction but those that opened our own sessions, nothing can have moved.
      await lanes.synchronize();
      const isStill = pass === 1 && lanes.zxid - start === lanes.openings;
      if (isStill || (await walk.verify()) === 0) consistency = 'quiescent';
    }

    const end = lanes.zxid;
    const window = consistency === 'fuzzy' ? { window: `zxid ${hex(start)}-${hex(end)}` } : {};
    return { walk, reading: { consistency, ...window, revision: end.toString() } };
  } finally {
    await lanes.close();
  }
}

/**
 * A tree that was read, as batches of nodes in the order of their paths, each below nodes that are there. They are taken out
 * of the walk, so that it does not hold what whoever gets them has let go.
 */
export function* batchesOf({ nodes, hidden }: Walk, top: string): Generator<ReadEvent> {
  const below = new Set([top]);
  let batch: Node[] = [];
  // One character per byte, so this is the order of the bytes.
  for (const path of [...nodes.keys(), ...hidden].sort()) {
    // What was below a node that vanished is gone with it.
    if (path !== top && !below.has(parentPath(path))) continue;
    const found = nodes.get(path);
    if (!found) {
      yield { type: 'batch', nodes: batch };
      yield { type: 'batch', nodes: [], unreadable: [unreadable(path)] };
      batch = [];
      continue;
    }
    nodes.delete(path);
    if (found.record.hasChildren) below.add(path);
    batch.push(nodeOf(path, found));
    if (batch.length < batchNodes) continue;
    yield { type: 'batch', nodes: batch };
    batch = [];
  }
  yield { type: 'batch', nodes: batch };
}

function unreadable(path: string): Unreadable {
  return { key: Buffer.from(path, 'latin1'), reason: 'no permission to read it', subtree: true };
}

function nodeOf(path: string, { record, attributes }: Found): Node {
  const ephemeral = record.isEphemeral ? { owner: hex(BigInt.asUintN(64, record.stat.ephemeralOwner)) } : undefined;
  return { key: Buffer.from(path, 'latin1'), value: record.data, attributes, ephemeral };
}

/** Whether a path, or something below it, can begin with one of the prefixes; none of them means any. */
function wantedBy(prefixes: readonly string[]): (path: string) => boolean {
  return (path) =>
    path !== systemPath &&
    (prefixes.length === 0 ||
      prefixes.some((prefix) => path.startsWith(prefix) || prefix.startsWith(`${path}/`) || prefix === ''));
}

function hex(number: bigint): string {
  return `0x${number.toString(16)}`;
}
