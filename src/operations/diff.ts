import type { Decryptor } from '../ciphers/cipher.ts';
import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import { isServiceUrl } from '../services/address.ts';
import { type Change, diffSnapshots } from '../snapshot/diff.ts';
import type { Attributes } from '../snapshot/node.ts';
import { type Entry, openSnapshot, type Snapshot } from '../snapshot/walk.ts';
import type { Surroundings } from './connect.ts';
import { NotKept, openContents } from './contents.ts';
import { type Moment, readMoment, type StoreMoment } from './history.ts';
import type { OpenRepository } from './open.ts';
import type { PlanOptions } from './plan-restore.ts';
import { withoutResealed } from './resealed.ts';
import { lastChange, listStores, locate, resolveRevision } from './revision.ts';

/** One of two states that are compared. */
export interface Compared {
  readonly snapshot: Snapshot;
  /** Where in the history it is; `undefined` for a service as it is now. */
  readonly moment: Moment | undefined;
  /** The service that was read live, as it was named. */
  readonly source: string | undefined;
}

/** Two states side by side. There is no `before` where a store had no snapshot yet. */
export interface Comparison {
  readonly before: Compared | undefined;
  readonly after: Compared | undefined;
  readonly changes: readonly Change[];
}

/** What is to be compared: snapshots by their names, services by their URLs or their names in the configuration. */
export interface CompareRequest {
  /** Without it, or where it is only the name of a store, the snapshot of the store before the latest. */
  readonly before: string | undefined;
  /** Without it, the latest snapshot of the store. */
  readonly after: string | undefined;
  readonly store?: string | undefined;
  /** Only nodes at and below it. */
  readonly key?: Uint8Array | undefined;
}

/** One side of a change with its contents. */
export interface Side {
  /** `undefined` where it is not at hand: encrypted, or too large to keep. */
  readonly value: Uint8Array | null | undefined;
  readonly attributes: Attributes | undefined;
  readonly encrypted: boolean;
}

/** Compares two states, each a snapshot or a live service. Throws as `locate`, `connect` and `liveSnapshot` do. */
export async function compare(
  opened: OpenRepository,
  { before, after, store, key }: CompareRequest,
  surroundings: Surroundings,
  options: PlanOptions = {},
): Promise<Comparison> {
  const { repository, reader } = opened;
  const isConfigured = (name: string | undefined) =>
    name !== undefined && surroundings.config?.stores[name] !== undefined;
  const isLive = (name: string) => isServiceUrl(name) || isConfigured(name);
  const beside = [before, after].find(isConfigured);
  const find = async (name: string, of = store): Promise<Compared> => ({
    ...(await locate(reader, repository, name, of ?? (await storeBeside(opened, name, beside)))),
    source: undefined,
  });
  const read = async (name: string, like?: Snapshot) => {
    const { readLive } = await import('./compare-live.ts');
    return readLive(name, like, surroundings, { ...options, repository });
  };

  const stored = before === undefined || isLive(before) ? undefined : await find(before);
  if (after === undefined && (before === undefined || before === stored?.snapshot.store)) {
    const { snapshot, moment } = await locate(reader, repository, 'latest', stored?.snapshot.store ?? store);
    const change = await lastChange(reader, moment, snapshot.store);
    if (!change) throw new TreekeeperError('failed', `the store ${snapshot.store} has no history`);
    return changesBetween(reader, change, key, surroundings.unattendedDecryptor);
  }
  const name = after ?? 'latest';
  const storedAfter = isLive(name)
    ? undefined
    : await find(name, store ?? (after ? undefined : stored?.snapshot.store));
  const a = stored ?? (await read(before ?? 'latest', storedAfter?.snapshot));
  const b = storedAfter ?? (await read(name, a.snapshot));
  const changes = await listChanges(a.snapshot, b.snapshot, key, surroundings.unattendedDecryptor);
  return { before: a, after: b, changes };
}

/** The store that `latest` is of beside a service of the configuration: its own, where it has one. */
async function storeBeside(
  { repository, reader }: OpenRepository,
  name: string,
  configured: string | undefined,
): Promise<string | undefined> {
  if (configured === undefined || !/^latest(?![^~@])/.test(name)) return undefined;
  const stores = await listStores(reader, await resolveRevision(reader, repository, ''));
  return stores.includes(configured) ? configured : undefined;
}

/** What one moment of a history changed in its store. */
export async function changesBetween(
  reader: ObjectReader,
  moment: StoreMoment,
  key?: Uint8Array,
  decryptor?: Decryptor,
): Promise<Comparison> {
  const open = async (tree: string | undefined) =>
    tree === undefined ? undefined : openSnapshot(moment.store, tree, reader);
  const [parent] = moment.commit.parents;
  const [before, after, previous] = await Promise.all([
    open(moment.previousTree),
    open(moment.tree),
    parent === undefined ? undefined : readMoment(reader, parent),
  ]);
  const compared = (snapshot: Snapshot | undefined, at: Moment | undefined) =>
    snapshot && { snapshot, moment: at, source: undefined };
  return {
    before: compared(before, previous),
    after: compared(after, moment),
    changes: await listChanges(before, after, key, decryptor),
  };
}

async function listChanges(
  before: Snapshot | undefined,
  after: Snapshot | undefined,
  key: Uint8Array | undefined,
  decryptor: Decryptor | undefined,
): Promise<Change[]> {
  const changes: Change[] = [];
  await diffSnapshots(before, after, (change) => changes.push(change), key);
  return before && after && decryptor ? withoutResealed(changes, before, after, decryptor) : changes;
}

/** That a value changed can be told without the value. */
function unlessOutOfReach(thrown: unknown): undefined {
  if (thrown instanceof NotKept || (thrown instanceof TreekeeperError && thrown.code === 'decrypt')) return undefined;
  throw thrown;
}

/** Reads what the entries of one snapshot hold. Throws `TreekeeperError('integrity')` on what is damaged. */
export function sideReader(
  snapshot: Pick<Snapshot, 'source' | 'store'>,
  decryptor?: Decryptor,
): (entry: Entry) => Promise<Side> {
  const contents = openContents(snapshot, decryptor);
  return async (entry) => ({
    value: await contents.value(entry).catch(unlessOutOfReach),
    attributes: await contents.attributes(entry),
    encrypted: entry.value?.encrypted ?? false,
  });
}
