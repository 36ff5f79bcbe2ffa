import { TreekeeperError } from '../errors.ts';
import type { Service } from '../services/service.ts';
import { type Kind, type Layout, layouts } from '../snapshot/layout.ts';
import type { Manifest } from '../snapshot/manifest.ts';
import { keyAt, latin1, placeOf } from '../snapshot/paths.ts';
import { type Entry, hasNodes, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';

/** Keys at or below `from` go to the same place at or below `to`. */
export interface Move {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

const noRoot = new Uint8Array();

/**
 * Where a node of a snapshot goes in a service. A move decides first. Else a service that was opened with a root takes the
 * nodes below it, and one without a root takes them where they were, below the root that the snapshot was read from.
 */
export function relocateTo(
  service: Service,
  manifest: Manifest,
  moves: readonly Move[],
): (key: Uint8Array) => Uint8Array {
  const from = layouts[manifest.service];
  const to = layouts[service.traits.kind];
  const sameRoot = service.root.length === 0 || latin1(service.root) === latin1(manifest.root);

  return (key) => {
    const moved = move(latin1(key), moves);
    if (moved !== undefined) return translate(Buffer.from(moved, 'latin1'), noRoot, from, noRoot, to);
    if (sameRoot) return from === to ? key : translate(key, noRoot, from, noRoot, to);
    return translate(key, manifest.root, from, service.root, to);
  };
}

/** `FROM=TO` as it is written on the command line. An equals sign in FROM cannot be written. */
export function parseMove(text: string, parseKey: (text: string) => Uint8Array): Move {
  const equals = text.indexOf('=');
  if (equals < 1)
    throw new TreekeeperError('usage', `${text} is not FROM=TO`, { hint: 'write for example --map /app=/app2' });
  return { from: parseKey(text.slice(0, equals)), to: parseKey(text.slice(equals + 1)) };
}

/** Whether a move concerns any node of a snapshot, or any at and below a key of it. */
export async function movesAny(snapshot: Snapshot, one: Move, below: Uint8Array | undefined): Promise<boolean> {
  const isMoved = (key: Uint8Array) => move(latin1(key), [one]) !== undefined;
  if (below && isMoved(below)) return true;
  const isWithin = below === undefined || move(latin1(one.from), [{ from: below, to: noRoot }]) !== undefined;
  if (isWithin && (await hasNodes(snapshot, one.from))) return true;
  // A move from above the root of the snapshot moves all of it.
  let found = false;
  const see = ({ key }: Entry) => {
    found ||= isMoved(key);
  };
  await walkSnapshot(snapshot, see, below);
  return found;
}

function move(key: string, moves: readonly Move[]): string | undefined {
  for (const { from, to } of moves) {
    const start = latin1(from).replace(/\/$/, '');
    if (key === start || key.startsWith(`${start}/`)) return latin1(to).replace(/\/$/, '') + key.slice(start.length);
  }
  return undefined;
}

/** A key of one kind of service as the same place is called in another. */
export function translateKey(key: Uint8Array, from: Kind, to: Kind): Uint8Array {
  return from === to ? key : translate(key, noRoot, layouts[from], noRoot, layouts[to]);
}

function translate(key: Uint8Array, root: Uint8Array, from: Layout, newRoot: Uint8Array, to: Layout): Uint8Array {
  const place = placeOf(key, root, from);
  // Only a move can name a key that the snapshot's service could not have; the target then refuses it.
  return place ? keyAt(place, newRoot, to) : key;
}
