import type { Decryptor } from '../ciphers/cipher.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { damagedFiles } from '../git/damaged-files.ts';
import type { ObjectReader } from '../git/reader.ts';
import { fsck } from '../git/upkeep.ts';
import { directoryMode, type Oid } from '../snapshot/objects.ts';
import { openSnapshot } from '../snapshot/walk.ts';
import { isStore, type Moment, storeHistory, storeTrees } from './history.ts';
import { clearValues, clearValuesInHistory } from './in-clear.ts';
import { type Finding, openInspector } from './inspect.ts';
import type { OpenRepository } from './open.ts';
import { listStores, resolveRevision } from './revision.ts';
import { type Sample, sampler } from './sample.ts';

export interface CheckOptions {
  /** Every snapshot of the history, not the present ones alone. */
  readonly all?: boolean;
  /** Read only some of the values; names, manifests and attributes are read in any case. */
  readonly sample?: Sample | undefined;
  /** Open encrypted values too. */
  readonly decryptor?: Decryptor | undefined;
  readonly signal?: AbortSignal;
  /** Called with the number of nodes so far. */
  readonly onProgress?: (nodes: number) => void;
}

/** What became of the snapshots of one store. */
export interface StoreCheck {
  readonly store: string;
  /** In the present snapshot. */
  readonly nodes: number;
  /** Whether the present snapshot is whole. */
  readonly sound: boolean;
  /** With `all`: how many snapshots there are, the newest whole one, and those that are not. */
  readonly history:
    | { readonly snapshots: number; readonly newestWhole: Moment | undefined; readonly broken: readonly Moment[] }
    | undefined;
}

/** A value that lies in clear though the rules of the store encrypt it. */
export interface ClearValue {
  readonly store: string;
  readonly key: Uint8Array;
  /** The newest snapshot that has it so; `undefined` for the present one. */
  readonly until: Oid | undefined;
}

export interface CheckResult {
  readonly stores: readonly StoreCheck[];
  readonly findings: readonly Finding[];
  readonly clear: readonly ClearValue[];
  readonly values: {
    readonly known: number;
    readonly read: number;
    readonly opened: number;
    readonly wellFormed: number;
  };
  /** Whether git itself looked at every object, of the whole history; without a git binary it cannot. */
  readonly fsck: boolean;
}

/**
 * Reads everything in the present snapshots, or in all of them: every name, manifest, attributes file and value, each proven
 * against its id; then the files of the repository, and lets git check all of it. Finds rather than throws.
 */
export async function check({ repository, reader }: OpenRepository, options: CheckOptions = {}): Promise<CheckResult> {
  const { all = false, sample, decryptor, signal, onProgress } = options;
  const inspector = openInspector(reader, { chooses: sampler(sample), decryptor, signal, onProgress });
  const findings: Finding[] = [];

  const tip = await resolveRevision(reader, repository, '');
  const trees = await storeTrees(reader, tip);
  const present = new Map<string, number>();
  for (const store of await listStores(reader, tip))
    present.set(store, await inspector.inspect(store, trees.get(store) ?? ''));

  const history: { moment: Moment; store: string; tree: Oid }[] = [];
  if (all) await finding(undefined, inspectHistory);

  const isWhole = wholeness(reader, inspector.damaged);
  const stores: StoreCheck[] = [];
  for (const [store, nodes] of present) {
    const sound = await isWhole(trees.get(store) ?? '');
    stores.push({ store, nodes, sound, history: all ? await historyOf(store) : undefined });
  }
  const clear: ClearValue[] = [];
  for (const { store, sound } of stores) if (sound) await finding(store, () => findClear(store));

  const problems = await damagedFiles(repository, reader, { packs: sample === undefined, signal });
  const told = await fsck(repository, { connectivityOnly: sample !== undefined });
  for (const problem of [...problems, ...(told ?? [])]) findings.push({ store: undefined, key: undefined, problem });
  return {
    stores,
    findings: [...inspector.findings, ...findings],
    clear,
    values: inspector.values,
    fsck: told !== undefined,
  };

  async function inspectHistory(): Promise<void> {
    for await (const { store, tree, ...moment } of storeHistory(reader, tip)) {
      signal?.throwIfAborted();
      if (tree === undefined || !(await isStore(reader, tree).catch(() => true))) continue;
      history.push({ moment, store, tree });
      if (tree !== trees.get(store)) await inspector.inspect(store, tree);
    }
  }

  async function historyOf(store: string): Promise<StoreCheck['history']> {
    const broken: Moment[] = [];
    let newestWhole: Moment | undefined;
    const snapshots = history.filter((snapshot) => snapshot.store === store);
    for (const { moment, tree } of snapshots) {
      if (!(await isWhole(tree))) broken.push(moment);
      else newestWhole ??= moment;
    }
    return { snapshots: snapshots.length, newestWhole, broken };
  }

  async function findClear(store: string): Promise<void> {
    const snapshot = await openSnapshot(store, trees.get(store) ?? '', reader);
    for (const key of await clearValues(snapshot)) clear.push({ store, key, until: undefined });
    const rules = all ? (snapshot.manifest.encrypt ?? []) : [];
    for (const { key, until } of await clearValuesInHistory(reader, tip, store, rules))
      clear.push({ store, key, until });
  }

  /** What breaks off a part of the check is a finding, and the rest goes on. */
  async function finding(store: string | undefined, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError) || signal?.aborted) throw thrown;
      findings.push({ store, key: undefined, problem: reasonOf(thrown) });
    }
  }
}

/** Tells of trees whether anything damaged is in or below them; each tree is looked at once. */
function wholeness(reader: ObjectReader, damaged: ReadonlySet<Oid>): (tree: Oid) => Promise<boolean> {
  const known = new Map<Oid, boolean>();
  return async (tree) => damaged.size === 0 || look(tree);

  async function look(tree: Oid): Promise<boolean> {
    const before = known.get(tree);
    if (before !== undefined) return before;
    let isWhole = !damaged.has(tree);
    if (isWhole) {
      for (const { mode, oid } of await reader.readTree(tree)) {
        if (damaged.has(oid) || (mode === directoryMode && !(await look(oid)))) isWhole = false;
      }
    }
    known.set(tree, isWhole);
    return isWhole;
  }
}

export type { Finding } from './inspect.ts';
