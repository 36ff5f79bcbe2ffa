import type { Service } from '../services/service.ts';
import { layouts } from '../snapshot/layout.ts';
import { keyAt, placeOf } from '../snapshot/paths.ts';
import type { Step } from '../snapshot/plan.ts';
import { type Entry, findNode, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { type Move, relocateTo } from './relocate.ts';
import { WantedNodes } from './wanted-nodes.ts';

/** Which nodes of a snapshot are to be in which service, and where. */
export interface Selected {
  readonly snapshot: Snapshot;
  readonly service: Service;
  /** Only the nodes at and below this key. */
  readonly below: Uint8Array | undefined;
  readonly moves: readonly Move[];
}

/** Nodes, and the steps of those that cannot be where they should. */
export interface Collected {
  readonly wanted: WantedNodes;
  readonly refused: Step[];
}

/** Everything that should be in the service. */
export async function collectWanted(selected: Selected): Promise<Collected> {
  const { snapshot, service, below, moves } = selected;
  const relocate = relocateTo(service, snapshot.manifest, moves);
  const layout = layouts[service.traits.kind];
  const wanted = new WantedNodes();
  const refused: Step[] = [];
  const add = (entry: Entry, onlyParent: boolean) => {
    const key = relocate(entry.key);
    if (service.traits.parentsFirst) addParents(key);
    if (wanted.add(key, entry, onlyParent)) return;
    refused.push({ verdict: 'refused', key, entry, reason: 'another node of the snapshot goes to the same key' });
  };
  const addParents = (key: Uint8Array) => {
    const segments = placeOf(key, service.root, layout)?.segments ?? [];
    // Mostly the parent is there, and so then are those above it.
    for (let depth = segments.length - 1; depth > 0; depth--) {
      if (!wanted.find(parentAt(segments, depth))) continue;
      addBetween(segments, depth + 1);
      return;
    }
    addBetween(segments, 1);
  };
  const addBetween = (segments: readonly string[], first: number) => {
    for (let depth = first; depth < segments.length; depth++) putParent(wanted, parentAt(segments, depth));
  };
  const parentAt = (segments: readonly string[], depth: number) =>
    keyAt({ relative: false, segments: segments.slice(0, depth) }, service.root, layout);

  for (const key of below === undefined ? [] : parentKeys(below, snapshot)) {
    const { entry } = await findNode(snapshot, key);
    if (entry) add(entry, true);
  }
  await walkSnapshot(snapshot, (entry) => add(entry, false), below);
  if (!service.traits.valueAndChildren) refused.push(...splitParents(wanted));
  return { wanted, refused };
}

/**
 * Where a node of the service has a value or children, and one that is wanted has both: its value cannot be created, and a
 * node without one stands in its place, for the children. Answers the steps that say so.
 */
function splitParents(wanted: WantedNodes): Step[] {
  const parents = new Set(wanted.steps.map(({ name }) => name.slice(0, Math.max(0, name.lastIndexOf('/')))));
  const steps: Step[] = [];
  for (const { key, name, entry } of wanted.steps) {
    if (entry.value === null || !parents.has(name)) continue;
    const reason = 'it has a value and children, and the service has room for one of them: for the children';
    steps.push({ verdict: 'refused', key, entry, reason });
  }
  for (const { key } of steps) putParent(wanted, key);
  return steps;
}

function putParent(wanted: WantedNodes, key: Uint8Array): void {
  wanted.put(key, { key, value: null, attributes: undefined }, true);
}

/** The keys above one, where the snapshot's service has nodes for them. */
function parentKeys(below: Uint8Array, { manifest }: Snapshot): Uint8Array[] {
  const layout = layouts[manifest.service];
  const place = placeOf(below, manifest.root, layout);
  if (layout.parents !== 'nodes' || !place) return [];
  return place.segments
    .slice(1)
    .map((_, depth) => keyAt({ ...place, segments: place.segments.slice(0, depth + 1) }, manifest.root, layout));
}
