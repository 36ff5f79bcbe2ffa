import type { Service } from '../services/service.ts';
import { layouts } from '../snapshot/layout.ts';
import type { Oid } from '../snapshot/objects.ts';
import { keyAt, latin1, placeOf } from '../snapshot/paths.ts';
import type { Step } from '../snapshot/plan.ts';
import { type Entry, findNode, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { type Move, relocateTo } from './relocate.ts';

/** Which nodes of a snapshot are to be in which service, and where. */
export interface Selected {
  readonly snapshot: Snapshot;
  readonly service: Service;
  /** Only the nodes at and below this key. */
  readonly below: Uint8Array | undefined;
  readonly moves: readonly Move[];
}

/**
 * One node that should be in the service, and the step of the plan that it becomes. A million of them are held at once, so
 * each is one object with the strings that cannot be had in another way, and what few of them have is declared only: it
 * takes no room where it is not set.
 */
export class Wanted implements Step {
  verdict: Step['verdict'] = 'create';
  declare reason: string | undefined;
  /** What is there: compared already, or as content where an encrypted value has to be opened first. */
  found: 'same' | 'differs' | { readonly content: string } | undefined;
  /** The key, one character a byte. */
  readonly name: string;
  /** A parent that was not asked for, and matters only where a child of it is created. */
  readonly onlyParent: boolean;
  /** The key in the snapshot, where it is another one. */
  declare private readonly from: string | undefined;
  /** Ids as bytes, one character each: half of what their digits take. */
  private readonly value: string | undefined;
  declare private readonly isSealed: true | undefined;
  declare private readonly attributes: string | undefined;

  constructor(name: string, { key, value, attributes }: Entry, onlyParent: boolean) {
    this.found = undefined;
    this.name = name;
    this.onlyParent = onlyParent;
    this.value = value === null ? undefined : packed(value.oid);
    const from = latin1(key);
    if (from !== name) this.from = from;
    if (value?.encrypted) this.isSealed = true;
    if (attributes !== undefined) this.attributes = packed(attributes);
  }

  get key(): Uint8Array {
    return Buffer.from(this.name, 'latin1');
  }

  get entry(): Entry {
    return {
      key: Buffer.from(this.from ?? this.name, 'latin1'),
      value: this.value === undefined ? null : { oid: unpacked(this.value), encrypted: this.isSealed ?? false },
      attributes: this.attributes && unpacked(this.attributes),
    };
  }
}

function packed(oid: Oid): string {
  return Buffer.from(oid, 'hex').toString('latin1');
}

function unpacked(bytes: string): Oid {
  return Buffer.from(bytes, 'latin1').toString('hex');
}

/** Nodes by key (one character a byte), parents first, and the steps of those that cannot be where they should. */
export interface Collected {
  readonly wanted: Map<string, Wanted>;
  readonly refused: Step[];
}

/** Everything that should be in the service. */
export async function collectWanted(selected: Selected): Promise<Collected> {
  const { snapshot, service, below, moves } = selected;
  const relocate = relocateTo(service, snapshot.manifest, moves);
  const layout = layouts[service.traits.kind];
  const wanted = new Map<string, Wanted>();
  const refused: Step[] = [];
  const add = (entry: Entry, onlyParent: boolean) => {
    const key = relocate(entry.key);
    if (service.traits.parentsFirst) addParents(key);
    const name = latin1(key);
    const there = wanted.get(name);
    if (!there || there.onlyParent) wanted.set(name, new Wanted(name, entry, onlyParent));
    else refused.push({ verdict: 'refused', key, entry, reason: 'another node of the snapshot goes to the same key' });
  };
  const addParents = (key: Uint8Array) => {
    const segments = placeOf(key, service.root, layout)?.segments ?? [];
    // Mostly the parent is there, and so then are those above it.
    for (let depth = segments.length - 1; depth > 0; depth--) {
      const name = latin1(keyAt({ relative: false, segments: segments.slice(0, depth) }, service.root, layout));
      if (!wanted.has(name)) continue;
      addBetween(segments, depth + 1);
      return;
    }
    addBetween(segments, 1);
  };
  const addBetween = (segments: readonly string[], first: number) => {
    for (let depth = first; depth < segments.length; depth++) {
      const name = latin1(keyAt({ relative: false, segments: segments.slice(0, depth) }, service.root, layout));
      wanted.set(name, bareParent(name));
    }
  };

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
function splitParents(wanted: Map<string, Wanted>): Step[] {
  const parents = new Set([...wanted.keys()].map((name) => name.slice(0, Math.max(0, name.lastIndexOf('/')))));
  const steps: Step[] = [];
  for (const [name, { key, entry }] of wanted) {
    if (entry.value === null || !parents.has(name)) continue;
    const reason = 'it has a value and children, and the service has room for one of them: for the children';
    steps.push({ verdict: 'refused', key, entry, reason });
    wanted.set(name, bareParent(name));
  }
  return steps;
}

function bareParent(name: string): Wanted {
  return new Wanted(name, { key: Buffer.from(name, 'latin1'), value: null, attributes: undefined }, true);
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
