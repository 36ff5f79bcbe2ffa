import type { Decryptor } from '../ciphers/cipher.ts';
import { hashSink } from '../git/hash-sink.ts';
import { OidSet } from '../git/oid-set.ts';
import type { Service } from '../services/service.ts';
import { encodeJson } from '../snapshot/attributes.ts';
import { layouts } from '../snapshot/layout.ts';
import type { Node } from '../snapshot/node.ts';
import { keyAt, latin1, placeOf } from '../snapshot/paths.ts';
import type { Plan, Step } from '../snapshot/plan.ts';
import { type Entry, findNode, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { type Contents, openContents } from './contents.ts';
import { everything, readService, withRestarts } from './read.ts';
import { type Move, relocateTo } from './relocate.ts';

/** What a restore is asked to do. */
export interface RestoreRequest {
  readonly snapshot: Snapshot;
  readonly service: Service;
  /** Only the nodes at and below this key. */
  readonly below: Uint8Array | undefined;
  readonly moves: readonly Move[];
  /** Create nodes that belonged to running clients too, as ordinary ones. */
  readonly persistEphemeral: boolean;
  /** Opens encrypted values. */
  readonly decryptor?: Decryptor;
}

/** A plan together with the contents that it was made with. */
export interface RestorePlan {
  readonly steps: Plan;
  /** The node that a step creates. Throws `TreekeeperError('integrity')` where its value is damaged. */
  nodeOf(step: Step): Promise<Node>;
}

export interface PlanOptions {
  readonly signal?: AbortSignal;
  /** Called with the number of live nodes read so far. */
  readonly onProgress?: (nodes: number) => void;
}

/**
 * Compares a snapshot with a live service and says what a restore would do about every node, parents first. Every value
 * that would be created is read and proven on the way, so that damage is found before the first node is created.
 */
export async function planRestore(request: RestoreRequest, options: PlanOptions = {}): Promise<RestorePlan> {
  const { snapshot, service } = request;
  const contents = openContents(snapshot, request.decryptor);
  const wanted = await collectWanted(request);
  const live = await withRestarts(() => readLive(service, wanted, options));

  const split = service.traits.valueAndChildren ? [] : splitParents(wanted);
  const steps: Step[] = [];
  const all = [...wanted];
  for (let start = 0; start < all.length; start += readAhead) {
    const chunk = all.slice(start, start + readAhead);
    steps.push(...(await Promise.all(chunk.map(([name, item]) => judge(name, item)))));
  }
  return { steps: [...split, ...dropIdleParents(steps, wanted)], nodeOf };

  async function judge(name: string, { key, entry }: Wanted): Promise<Step> {
    const step = (verdict: Step['verdict'], reason?: string): Step => ({ verdict, key, entry, reason });
    const found = live.nodes.get(name);
    if (found) return step(found === contentOf(await opened(entry)) ? 'same' : 'differs');

    const hidden = live.unreadable.find(
      (item) => item.name === name || (item.subtree && name.startsWith(`${item.name}/`)),
    );
    if (hidden) return step('unreadable', hidden.reason);
    const attributes = await contents.attributes(entry);
    if (attributes?.['ephemeral'] !== undefined && !request.persistEphemeral) return step('skipped', 'ephemeral');
    const reason = service.refuse(await nodeFrom(key, entry, contents));
    return reason === undefined ? step('create') : step('refused', reason);
  }

  /** The entry as it would be if its value were not encrypted, to compare it with a live one. */
  async function opened(entry: Entry): Promise<Entry> {
    if (!entry.value?.encrypted) return entry;
    const value = (await contents.value(entry)) ?? new Uint8Array();
    return { ...entry, value: { oid: hashSink(new OidSet()).blob(value), encrypted: false } };
  }

  function nodeOf({ key, entry }: Step): Promise<Node> {
    return nodeFrom(key, entry, contents);
  }
}

/** Values in flight: enough to keep the repository's reader busy, few enough to stay small. */
const readAhead = 512;

interface Wanted {
  readonly key: Uint8Array;
  readonly entry: Entry;
  /** A parent that was not asked for, and matters only where a child of it is created. */
  readonly onlyParent: boolean;
}

/** Everything that should be in the service, by key, parents first. */
async function collectWanted({ snapshot, service, below, moves }: RestoreRequest): Promise<Map<string, Wanted>> {
  const relocate = relocateTo(service, snapshot.manifest, moves);
  const wanted = new Map<string, Wanted>();
  const add = (entry: Entry, onlyParent: boolean) => {
    const key = relocate(entry.key);
    if (service.traits.parentsFirst) addParents(key);
    if (!wanted.has(latin1(key))) wanted.set(latin1(key), { key, entry, onlyParent });
  };
  const layout = layouts[service.traits.kind];
  const addParents = (key: Uint8Array) => {
    const place = placeOf(key, service.root, layout);
    for (let depth = 1; depth < (place?.segments.length ?? 0); depth++) {
      const parent = keyAt({ relative: false, segments: place?.segments.slice(0, depth) ?? [] }, service.root, layout);
      const entry = { key: parent, value: null, attributes: undefined };
      if (!wanted.has(latin1(parent))) wanted.set(latin1(parent), { key: parent, entry, onlyParent: true });
    }
  };

  for (const key of below === undefined ? [] : parentKeys(below, snapshot)) {
    const { entry } = await findNode(snapshot, key);
    if (entry) add(entry, true);
  }
  await walkSnapshot(snapshot, (entry) => add(entry, false), below);
  return wanted;
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
    wanted.set(name, { key, entry: { key, value: null, attributes: undefined }, onlyParent: true });
  }
  return steps;
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

interface Live {
  /** What is there, as `contentOf` puts it, by key. */
  readonly nodes: ReadonlyMap<string, string>;
  readonly unreadable: readonly { readonly name: string; readonly subtree: boolean; readonly reason: string }[];
}

async function readLive(
  service: Service,
  wanted: ReadonlyMap<string, Wanted>,
  { signal, onProgress }: PlanOptions,
): Promise<Live> {
  const nodes = new Map<string, string>();
  const unreadable: { name: string; subtree: boolean; reason: string }[] = [];
  if (wanted.size === 0) return { nodes, unreadable };

  const sink = hashSink(new OidSet());
  const visitor = {
    node({ key, value, attributes }: Node) {
      const name = latin1(key);
      if (!wanted.has(name)) return;
      const entry: Entry = {
        key,
        value: value === null ? null : { oid: sink.blob(value), encrypted: false },
        attributes: attributes && sink.blob(encodeJson(attributes)),
      };
      nodes.set(name, contentOf(entry));
    },
    unreadable: ({ key, subtree, reason }: { key: Uint8Array; subtree: boolean; reason: string }) => {
      unreadable.push({ name: latin1(key), subtree, reason });
    },
    pause: (count: number) => onProgress?.(count),
  };
  const prefixes = [sharedPrefix([...wanted.keys()])];
  await readService(service, everything, visitor, {
    prefixes,
    absent: 'empty',
    ...(signal && { signal }),
    ...(onProgress && { onHeld: onProgress }),
  });
  return { nodes, unreadable };
}

/** Value and attributes of an entry in one string, equal where they are. */
function contentOf({ value, attributes }: Entry): string {
  return `${value === null ? 'null' : value.oid} ${attributes ?? ''}`;
}

function sharedPrefix([first = '', ...names]: readonly string[]): Uint8Array {
  let length = first.length;
  for (const name of names) {
    let same = 0;
    while (same < length && name[same] === first[same]) same++;
    length = same;
  }
  return Buffer.from(first.slice(0, length), 'latin1');
}

async function nodeFrom(key: Uint8Array, entry: Entry, contents: Contents): Promise<Node> {
  const { ephemeral: _, ...attributes } = (await contents.attributes(entry)) ?? {};
  return {
    key,
    value: await contents.value(entry),
    attributes: Object.keys(attributes).length > 0 ? attributes : undefined,
    ephemeral: undefined,
  };
}

/** Parents that were not asked for stay in the plan only where something is created below them. */
function dropIdleParents(steps: readonly Step[], wanted: ReadonlyMap<string, Wanted>): Step[] {
  const needed = new Set<string>();
  return steps
    .toReversed()
    .filter(({ key, verdict }) => {
      const name = latin1(key);
      const keep = !wanted.get(name)?.onlyParent || (verdict === 'create' && needed.has(name));
      if (keep && verdict === 'create')
        for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) needed.add(name.slice(0, at));
      return keep;
    })
    .toReversed();
}
