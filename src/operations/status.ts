import { type ErrorCode, reasonOf, TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import { formatRemoteUrl, isRemoteUrl } from '../git/remote-url.ts';
import type { Repository } from '../git/repository.ts';
import { decodeTrailers } from '../snapshot/message.ts';
import type { Oid } from '../snapshot/objects.ts';
import type { Surroundings } from './connect.ts';
import type { Guard } from './guards.ts';
import { type StoreMoment, storeHistory, storeTrees } from './history.ts';
import { readRun } from './last-run.ts';
import type { OpenRepository } from './open.ts';
import { countUnpushed } from './push.ts';
import { type KnownRemote, listRemotes } from './remotes.ts';
import { listStores, resolveRevision } from './revision.ts';

/** The last snapshot of a store, as its commit tells of it. */
export interface LastSnapshot {
  readonly commit: Oid;
  /** In seconds since 1970: when the store last became another one. */
  readonly time: number;
  /** When it was last known to be as the service was, as far as this repository can tell. */
  readonly confirmed: number;
  readonly source: string | undefined;
  readonly nodes: number | undefined;
  readonly consistency: string | undefined;
  readonly complete: boolean;
  readonly unreadable: number;
  /** Left out on purpose: counts by reason. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** What a snapshot made now would change, or why that cannot be told. */
export type Drift =
  | { readonly added: number; readonly changed: number; readonly removed: number; readonly unreadable: number }
  | { readonly error: string; readonly code: ErrorCode };

export interface StoreStatus {
  readonly store: string;
  /** `undefined` for a store of the configuration that was never backed up. */
  readonly last: LastSnapshot | undefined;
  /** `undefined` where it was not asked for, or the configuration does not say where the store is. */
  readonly drift: Drift | undefined;
}

export interface RemoteStatus {
  readonly remote: string;
  /** `undefined` where there is a problem with it. */
  readonly url: string | undefined;
  /** Why it cannot be pushed to, as far as that shows here: its URL, directory or secret is no good. */
  readonly problem: string | undefined;
  /** Every backup is pushed there. */
  readonly push: boolean;
  /** Snapshots that it lacks, as far as is known without asking it. */
  readonly unpushed: number;
}

/**
 * The last snapshot of every store there is, and of those of the configuration that have none yet. With `live` the services
 * of the configuration are read as a backup would read them, one after the other; nothing is written.
 */
export async function storeStatuses(
  { repository, reader }: OpenRepository,
  surroundings: Surroundings,
  { live, signal }: { live: boolean; signal?: AbortSignal },
): Promise<StoreStatus[]> {
  const snapshots = await lastSnapshots(repository, reader);
  const configured = Object.keys(surroundings.config?.stores ?? {});
  const statuses: StoreStatus[] = [];
  for (const store of new Set([...snapshots.keys(), ...configured])) {
    const isRead = live && configured.includes(store);
    const drift = isRead ? await readDrift(repository, store, surroundings, signal) : undefined;
    statuses.push({ store, last: snapshots.get(store), drift });
  }
  return statuses.sort((a, b) => (a.store < b.store ? -1 : 1));
}

/**
 * What the remotes lack, as far as is known here: none of them is asked. Where it cannot be told, why: there is no git binary.
 * `undefined` for the copy of a remote.
 */
export async function remoteStatuses(
  { repository }: OpenRepository,
  path: string,
  surroundings: Surroundings,
): Promise<RemoteStatus[] | TreekeeperError | undefined> {
  if (isRemoteUrl(path)) return undefined;
  try {
    const remotes = await listRemotes(repository, surroundings);
    return await Promise.all(
      remotes.map(async (known) => {
        const { name: remote, push } = known;
        return { remote, ...placeOf(known), push, unpushed: await countUnpushed(repository, known) };
      }),
    );
  } catch (thrown) {
    if (thrown instanceof TreekeeperError) return thrown;
    throw thrown;
  }
}

function placeOf(remote: KnownRemote): Pick<RemoteStatus, 'url' | 'problem'> {
  try {
    return { url: formatRemoteUrl(remote.open().url), problem: undefined };
  } catch (thrown) {
    return { url: undefined, problem: reasonOf(thrown) };
  }
}

/** One walk back through the history for all stores, as far as to the oldest of their last changes. */
async function lastSnapshots(repository: Repository, reader: ObjectReader): Promise<Map<string, LastSnapshot>> {
  const snapshots = new Map<string, LastSnapshot>();
  if ((await reader.resolve(repository.branch)) === undefined) return snapshots;
  const tip = await resolveRevision(reader, repository, '');
  const trees = await storeTrees(reader, tip);
  const missing = new Set(await listStores(reader, tip));
  if (missing.size === 0) return snapshots;
  for await (const moment of storeHistory(reader, tip)) {
    const { store } = moment;
    if (!missing.delete(store)) continue;
    const run = await readRun(repository, store);
    snapshots.set(store, describe(moment, run?.tree === trees.get(store) ? run?.time : undefined));
    if (missing.size === 0) break;
  }
  return snapshots;
}

function describe({ oid, commit }: StoreMoment, run: number | undefined): LastSnapshot {
  const trailers = decodeTrailers(commit.message);
  // The committer's is later where it was put on top of others, or began a history afresh: nothing was read then.
  const { time } = commit.author;
  const complete = trailers.get('Complete') ?? 'yes';
  const nodes = trailers.get('Nodes');
  return {
    commit: oid,
    time,
    confirmed: Math.max(time, run ?? 0),
    source: trailers.get('Source'),
    nodes: nodes === undefined ? undefined : Number(nodes),
    consistency: trailers.get('Consistency'),
    complete: !complete.startsWith('no'),
    unreadable: numberIn(/([\d,]+) unreadable/.exec(complete)?.[1] ?? '0'),
    skipped: new Map(
      [...(trailers.get('Skipped') ?? '').matchAll(/(\d[\d,]*) ([^,]+)/g)].map(([, number = '', reason = '']) => [
        reason,
        numberIn(number),
      ]),
    ),
  };
}

function numberIn(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** Whatever a service lost or went back to is what is to be told; that it is another one is an error. */
const lookedAt: ReadonlySet<Guard> = new Set(['older-source', 'mass-removal']);

async function readDrift(
  repository: Repository,
  store: string,
  surroundings: Surroundings,
  signal: AbortSignal | undefined,
): Promise<Drift> {
  const [{ connect }, { backup }] = await Promise.all([import('./connect.ts'), import('./backup.ts')]);
  try {
    const source = await connect(store, surroundings);
    await using _ = source.service;
    const { report } = await backup(repository, source, {
      dryRun: true,
      overridden: lookedAt,
      ...(signal && { signal }),
    });
    const { added, changed, removed, unreadable, hidden } = report;
    if (hidden !== undefined) return { error: hidden, code: 'incomplete' };
    return { added, changed, removed, unreadable };
  } catch (thrown) {
    if (!(thrown instanceof TreekeeperError) || signal?.aborted) throw thrown;
    return { error: reasonOf(thrown), code: thrown.code };
  }
}
