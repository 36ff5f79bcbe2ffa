import type { Decryptor } from '../ciphers/cipher.ts';
import { objectId } from '../git/pack.ts';
import type { Service, Unreadable } from '../services/service.ts';
import { encodeJson } from '../snapshot/attributes.ts';
import { sameEntry } from '../snapshot/diff.ts';
import type { Value } from '../snapshot/directory.ts';
import type { Attributes, Node } from '../snapshot/node.ts';
import { latin1 } from '../snapshot/paths.ts';
import type { Plan, Step } from '../snapshot/plan.ts';
import type { Content } from '../snapshot/walk.ts';
import { type Contents, type KeptValues, keepValues, openContents } from './contents.ts';
import { everything, readService, withRestarts } from './read.ts';
import { collectWanted, type Selected } from './wanted.ts';
import type { Wanted, WantedNodes } from './wanted-nodes.ts';

/** What a restore is asked to do. */
export interface RestoreRequest extends Selected {
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
  const { wanted, refused } = await collectWanted(request);
  const contents = openContents(snapshot, request.decryptor);
  const kept = keepValues(wanted.size);
  const hidden = await withRestarts(() => findLive(service, wanted, options));

  const { steps } = wanted;
  await judgeAll(steps, judge, options);
  if (service.traits.parentsFirst) refuseOrphans(steps);
  return { steps: refused.concat(dropIdleParents(steps)), nodeOf: nodesOf(contents, kept) };

  function judge(step: Wanted): Promise<void> | undefined {
    const { found } = step;
    if (typeof found === 'object') return compareOpened(step, found);
    const reason = found === undefined ? hidden(step.key) : undefined;
    if (reason !== undefined) settle(step, 'unreadable', reason);
    else if (found === undefined) return judgeMissing(step, request, contents, kept);
    else step.verdict = found;
    return undefined;
  }

  /** The value is compared as it would be if it were not encrypted. */
  async function compareOpened(step: Wanted, live: Content): Promise<void> {
    const value = (await contents.value(step.entry)) ?? new Uint8Array();
    step.verdict = compare({ ...step.entry, value: plain(value) }, live);
  }
}

/** Says of a node that is missing whether it is created, after it was read and proven. */
export async function judgeMissing(
  step: Wanted,
  { service, persistEphemeral }: RestoreRequest,
  contents: Contents,
  kept: KeptValues,
): Promise<void> {
  const { key, entry } = step;
  const attributes = await contents.attributes(entry);
  if (attributes?.['ephemeral'] !== undefined && !persistEphemeral) return settle(step, 'skipped', 'ephemeral');
  const value = await contents.value(entry);
  const refusal = service.refuse(nodeOf(key, value, attributes));
  if (refusal !== undefined) return settle(step, 'refused', refusal);
  settle(step, 'create', undefined);
  if (value) kept.keep(step, value);
}

/** Judges many at once, but not all. */
export async function judgeAll(
  steps: readonly Wanted[],
  judge: (step: Wanted) => Promise<void> | undefined,
  { signal }: Pick<PlanOptions, 'signal'>,
): Promise<void> {
  let before: Promise<unknown> = Promise.resolve();
  for (let start = 0; start < steps.length; start += readAhead) {
    signal?.throwIfAborted();
    // So that the reader has something to do while what it read is looked at.
    const next = Promise.all(steps.slice(start, start + readAhead).map(judge));
    // Where the one before fails, nobody waits for it.
    next.catch(() => {});
    await before;
    before = next;
  }
  await before;
}

/** Reads the node that a step creates, if its value is not kept. */
export function nodesOf(contents: Contents, kept: KeptValues): RestorePlan['nodeOf'] {
  return async (step) => {
    const { key, entry } = step;
    const attributes = await contents.attributes(entry);
    return nodeOf(key, kept.of(step) ?? (await contents.value(entry)), attributes);
  };
}

/** Values in flight: enough to keep the repository's reader busy, few enough to stay small. */
const readAhead = 256;

function settle(step: Wanted, verdict: Step['verdict'], reason: string | undefined): void {
  step.verdict = verdict;
  // A million steps without a reason take no room for it.
  if (reason !== undefined) step.reason = reason;
}

/**
 * Notes of each wanted node whether it is in the service, and the same. Answers why a node may be there though it was not
 * seen, by its key; `undefined` where it is missing indeed.
 */
async function findLive(
  service: Service,
  wanted: WantedNodes,
  { signal, onProgress }: PlanOptions,
): Promise<(key: Uint8Array) => string | undefined> {
  const unreadable: Hidden[] = [];
  for (const node of wanted.steps) node.found = undefined;
  if (wanted.size === 0) return () => undefined;

  const visitor = {
    node({ key, value, attributes }: Node) {
      const node = wanted.find(key);
      if (!node) return;
      const live = {
        value: value === null ? null : plain(value),
        attributes: attributes && objectId('blob', encodeJson(attributes)),
      };
      const { entry } = node;
      node.found = entry.value?.encrypted ? live : compare(entry, live);
    },
    unreadable({ key, subtree, reason }: Unreadable) {
      unreadable.push({ name: latin1(key), subtree, reason });
    },
    pause: (count: number) => onProgress?.(count),
  };
  await readService(service, everything, visitor, {
    prefixes: [sharedPrefix(wanted.steps)],
    absent: 'empty',
    ...(signal && { signal }),
    ...(onProgress && { onHeld: onProgress }),
  });
  return reasonAmong(unreadable);
}

interface Hidden {
  readonly name: string;
  readonly subtree: boolean;
  readonly reason: string;
}

/** By itself, so that what it answers holds on to these alone, and not to a million nodes. */
function reasonAmong(unreadable: readonly Hidden[]): (key: Uint8Array) => string | undefined {
  if (unreadable.length === 0) return () => undefined;
  return (key) => {
    const name = latin1(key);
    return unreadable.find((item) => item.name === name || (item.subtree && name.startsWith(`${item.name}/`)))?.reason;
  };
}

function compare(entry: Content, live: Content): 'same' | 'differs' {
  return sameEntry(entry, live) ? 'same' : 'differs';
}

/** What an unencrypted value is in a snapshot. */
function plain(value: Uint8Array): Value {
  return { oid: objectId('blob', value), encrypted: false };
}

function sharedPrefix(nodes: readonly Wanted[]): Uint8Array {
  const first = nodes[0]?.key ?? new Uint8Array();
  let length = first.length;
  for (const { key } of nodes) {
    let same = 0;
    while (same < length && key[same] === first[same]) same++;
    length = same;
  }
  return first.subarray(0, length);
}

/** As it is created: what belonged to a running client comes back as an ordinary node. */
function nodeOf(key: Uint8Array, value: Uint8Array | null, { ephemeral: _, ...attributes }: Attributes = {}): Node {
  const has = Object.keys(attributes).length > 0;
  return { key, value, attributes: has ? attributes : undefined, ephemeral: undefined };
}

/** Where nothing can be without its parent, what is below a node that is not created cannot be created either. */
function refuseOrphans(steps: readonly Wanted[]): void {
  const absent = new Set<string>();
  for (const step of steps) {
    const { name } = step;
    if (step.verdict === 'create' && absent.has(name.slice(0, name.lastIndexOf('/'))))
      settle(step, 'refused', 'the node above it is not created');
    if (step.verdict === 'refused' || step.verdict === 'skipped') absent.add(name);
  }
}

/** Parents that were not asked for stay in the plan only where something is created below them. */
function dropIdleParents(steps: readonly Wanted[]): readonly Wanted[] {
  if (!steps.some(({ onlyParent }) => onlyParent)) return steps;
  const needed = new Set<string>();
  return steps
    .toReversed()
    .filter(({ name, verdict, onlyParent }) => {
      const keep = !onlyParent || (verdict === 'create' && needed.has(name));
      if (keep && verdict === 'create')
        for (
          let at = name.lastIndexOf('/');
          at > 0 && !needed.has(name.slice(0, at));
          at = name.lastIndexOf('/', at - 1)
        )
          needed.add(name.slice(0, at));
      return keep;
    })
    .toReversed();
}
