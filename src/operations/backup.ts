import { hashSink } from '../git/hash-sink.ts';
import { openHoldingWriter } from '../git/holding-writer.ts';
import { acquireLock } from '../git/lock.ts';
import { OidSet } from '../git/oid-set.ts';
import { openReader } from '../git/open-reader.ts';
import { openPackWriter, type PackWriter } from '../git/pack-writer.ts';
import { requireGit } from '../git/process.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import { followWorkTree } from '../git/work-tree.ts';
import type { Identity, Service, Unreadable } from '../services/service.ts';
import { type Change, diffSnapshots, kindOf } from '../snapshot/diff.ts';
import { type Counts, decodeTrailers, encodeMessage, type SnapshotReport, type Trailers } from '../snapshot/message.ts';
import type { Oid } from '../snapshot/objects.ts';
import { openSnapshot, type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { version } from '../version.ts';
import { commitChange, contended, mostTries, readTip } from './commit-store.ts';
import { type Guard, guardIdentity, guardRemoval, guardRevision } from './guards.ts';
import { type Moment, storeTrees } from './history.ts';
import { type Policy, withRestarts } from './read.ts';
import { lastChange } from './revision.ts';
import { type Taken, takeSnapshot } from './take.ts';

/** One service and the store that it is backed up into. */
export interface BackupSource {
  readonly store: string;
  readonly service: Service;
  readonly policy: Policy;
}

export interface BackupOptions {
  /** Read and compare, and write nothing. */
  readonly dryRun?: boolean;
  readonly overridden?: ReadonlySet<Guard>;
  readonly signal?: AbortSignal;
  /** Called with the number of nodes read so far. */
  readonly onProgress?: (nodes: number) => void;
}

export interface BackupResult {
  /** `planned` is what a dry run would have made. */
  readonly status: 'created' | 'unchanged' | 'planned';
  /** The commit that holds the snapshot, new or not; `undefined` where there is none. */
  readonly commit: Oid | undefined;
  readonly report: SnapshotReport;
  /** Node by node, for a dry run; empty for a real one, which has them in its commit. */
  readonly changes: readonly Change[];
  readonly unreadable: readonly Unreadable[];
  /** What the user has to do for the work tree, where it did not follow the branch. */
  readonly advice: string | undefined;
}

/**
 * Makes one snapshot of a service: reads it, and commits where anything changed. The branch moves at the very end, so
 * that whatever goes wrong before leaves the repository as it was. Throws `TreekeeperError`: `locked`, `unreachable`,
 * `guard`, `integrity` or `failed`.
 */
export async function backup(
  repository: Repository,
  source: BackupSource,
  options: BackupOptions = {},
): Promise<BackupResult> {
  if (!options.dryRun) await requireGit();
  await using _lock = options.dryRun ? undefined : await acquireLock(repository);
  return await withRestarts(() => attempt(repository, source, options));
}

async function attempt(repository: Repository, source: BackupSource, options: BackupOptions): Promise<BackupResult> {
  const { store, service, policy } = source;
  const { dryRun = false, overridden = new Set<Guard>(), signal, onProgress } = options;
  // Asked now and awaited later: the service and the repository answer at the same time.
  const asked = service.identity();
  asked.catch(() => {});
  await using reader = await openReader(repository);
  let tip = await readTip(reader, repository);
  let last = tip && (await lastSnapshot(reader, tip, store));

  const identity = await asked;
  if (last) guardIdentity(identity, last.trailers, overridden);

  const holding = last && !dryRun ? openHoldingWriter(repository, reader, last.snapshot.tree) : undefined;
  let writer: PackWriter | undefined = dryRun ? undefined : (holding ?? openPackWriter(repository, new OidSet()));
  const sink = writer ?? hashSink(new OidSet());
  try {
    const destination = { sink, ...(writer && { drain: writer.drain }) };
    const taken = await takeSnapshot(service, policy, destination, last?.snapshot, { signal, onProgress });
    if (last) guardRevision(taken.result, identity, last.trailers, overridden);
    const snapshot = { store, tree: taken.tree, manifest: taken.manifest, source: sink.over(reader) };

    for (let tries = 0; tries < mostTries; tries++) {
      const changes: Change[] = [];
      const { counts, before } = await compare(last, snapshot, taken, dryRun ? changes : undefined);
      const report = reportOn(source, identity, taken, counts);
      const done = { report, changes, unreadable: taken.result.unreadable, advice: undefined };
      if (last?.snapshot.tree === taken.tree) return { ...done, status: 'unchanged', commit: last.oid };

      guardRemoval(before, taken.nodes, counts.removed, overridden);
      if (!writer) return { ...done, status: 'planned', commit: undefined };

      if (writer === holding) await holding?.settle(taken.tree);
      const change = { store: { name: store, tree: taken.tree }, message: encodeMessage(report, version) };
      const commit = await commitChange(repository, reader, writer, tip, change);
      if (commit !== undefined) {
        return { ...done, status: 'created', commit, advice: await followWorkTree(repository, tip?.oid, commit) };
      }

      tip = await readTip(reader, repository);
      last = tip && (await lastSnapshot(reader, tip, store));
      writer = openPackWriter(repository, new OidSet());
    }
    throw contended(repository);
  } finally {
    await writer?.abandon();
  }
}

interface LastSnapshot {
  readonly oid: Oid;
  readonly snapshot: Snapshot;
  readonly trailers: Trailers;
}

async function lastSnapshot(reader: ObjectReader, tip: Moment, store: string): Promise<LastSnapshot | undefined> {
  const tree = (await storeTrees(reader, tip)).get(store);
  const change = tree === undefined ? undefined : await lastChange(reader, tip, store);
  if (tree === undefined || !change) return undefined;
  return {
    oid: change.oid,
    snapshot: await openSnapshot(store, tree, reader),
    trailers: decodeTrailers(change.commit.message),
  };
}

/** How the new snapshot differs from the last one, node by node into `changes` where given, and how many nodes that one has. */
async function compare(
  last: LastSnapshot | undefined,
  snapshot: Snapshot,
  { nodes }: Taken,
  changes: Change[] | undefined,
): Promise<{ counts: Counts; before: number }> {
  const counts = { added: 0, changed: 0, removed: 0 };
  if (!last) {
    if (changes)
      await walkSnapshot(snapshot, (entry) => changes.push({ key: entry.key, before: undefined, after: entry }));
    return { counts: { ...counts, added: nodes }, before: 0 };
  }

  await diffSnapshots(last.snapshot, snapshot, (change) => {
    counts[kindOf(change)] += 1;
    changes?.push(change);
  });
  return { counts, before: nodes - counts.added + counts.removed };
}

function reportOn(
  { store, service }: BackupSource,
  identity: Identity,
  { nodes, result }: Taken,
  counts: Counts,
): SnapshotReport {
  const { consistency, window, revision, skipped, unreadable } = result;
  return {
    ...counts,
    store,
    service: identity.version === undefined ? service.traits.kind : `${service.traits.kind} ${identity.version}`,
    source: identity.source,
    identity: identity.cluster,
    revision,
    consistency: window === undefined ? consistency : `${consistency} (${window})`,
    unreadable: unreadable.length,
    skipped,
    nodes,
  };
}
