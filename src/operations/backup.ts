import type { Decryptor } from '../ciphers/cipher.ts';
import { hashSink } from '../git/hash-sink.ts';
import { openHoldingWriter } from '../git/holding-writer.ts';
import { acquireLock } from '../git/lock.ts';
import { OidSet } from '../git/oid-set.ts';
import { openReader } from '../git/open-reader.ts';
import { openPackWriter, type PackWriter } from '../git/pack-writer.ts';
import { requireGit } from '../git/process.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Repository } from '../git/repository.ts';
import type { ReadableSink } from '../git/sink.ts';
import { followWorkTree } from '../git/work-tree.ts';
import type { Identity, Service, Unreadable } from '../services/service.ts';
import type { Change } from '../snapshot/diff.ts';
import { layouts } from '../snapshot/layout.ts';
import type { SnapshotReport } from '../snapshot/message.ts';
import type { ObjectSink, Oid } from '../snapshot/objects.ts';
import type { Snapshot } from '../snapshot/walk.ts';
import { readAllowed, writeAllowed } from './allowed.ts';
import { commitChanges, contended, mostTries, readTip } from './commit-store.ts';
import type { Encryption, openEncryption } from './encryption.ts';
import { type Guard, guardIdentity, guardRemoval, guardRevision, type Origin, originOf } from './guards.ts';
import type { Moment } from './history.ts';
import { noteRun } from './last-run.ts';
import { compareWithLast, type LastSnapshot, lastSnapshot } from './last-snapshot.ts';
import { type Policy, type ReadResult, withRestarts } from './read.ts';
import { reportOn } from './report-on.ts';
import { resealSnapshot, stepsTo } from './reseal.ts';
import type { Resealed, Sealer } from './seal.ts';
import { readSeen, type Seen, writeSeen } from './seen.ts';
import { type Taken, takeSnapshot } from './take.ts';

/** One service and the store that it is backed up into. */
export interface BackupSource {
  readonly store: string;
  readonly service: Service;
  readonly policy: Policy;
  /** Where the service is an archive: what it is called, and when it was made, in seconds since 1970. */
  readonly archive?: { readonly name: string; readonly time: number };
}

export interface BackupOptions {
  /** Read and compare, and write nothing. */
  readonly dryRun?: boolean;
  readonly overridden?: ReadonlySet<Guard>;
  /** Opens encrypted values of the last snapshot that nothing is known of. It must not ask anybody. */
  readonly decryptor?: Decryptor | undefined;
  readonly signal?: AbortSignal;
  /** Called with the number of nodes read so far. */
  readonly onProgress?: (nodes: number) => void;
}

export interface BackupResult {
  /** `planned` is what a dry run would have made. */
  readonly status: 'created' | 'unchanged' | 'planned';
  /** The commit that holds the snapshot, new or not; `undefined` where there is none. */
  readonly commit: Oid | undefined;
  /** Values that did not change and are encrypted in another way now: in a commit of their own, before that of the changes. */
  readonly resealed: Resealed;
  readonly report: SnapshotReport;
  /** Node by node, for a dry run; empty for a real one, which has them in its commit. */
  readonly changes: readonly Change[];
  readonly unreadable: readonly Unreadable[];
  /** Nodes that a restore of this snapshot could not create. */
  readonly unrestorable: ReadResult['unrestorable'];
  /** What the user has to do for the work tree, where it did not follow the branch. */
  readonly advice: string | undefined;
  /** What will not work much longer: keys that expire soon. */
  readonly warnings: readonly string[];
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
  // The service can be asked already while the repository is being locked: nothing is written before it is.
  const locking = options.dryRun ? Promise.resolve(undefined) : lock(repository);
  locking.catch(() => {});
  try {
    return await withRestarts(() => attempt(repository, source, options, locking));
  } finally {
    const held = await locking.catch(() => undefined);
    await held?.[Symbol.asyncDispose]();
  }
}

async function lock(repository: Repository): Promise<AsyncDisposable> {
  await requireGit();
  return acquireLock(repository);
}

async function attempt(
  repository: Repository,
  source: BackupSource,
  options: BackupOptions,
  locking: Promise<unknown>,
): Promise<BackupResult> {
  const { service, policy } = source;
  const { signal, onProgress } = options;
  await using reader = await openReader(repository);
  // Where it is known by which rules values are encrypted, whoever cannot be encrypted to is told before anything is read.
  const encryption =
    policy.encrypt && (await loadEncryption(repository, reader, await readTip(reader, repository), source));
  const preparing = prepare(repository, reader, source, options, locking, encryption);
  try {
    const destination = preparing.then(({ sink, last, seen, writer, sealer }) => ({
      sink,
      sealer,
      previous: last?.snapshot,
      trees: seen?.trees,
      ...(writer && { drain: writer.drain }),
    }));
    const taken = await takeSnapshot(service, policy, destination, { signal, onProgress });
    const prepared = await preparing;
    const result = await commitTaken(repository, reader, source, taken, prepared, options);
    const isWhole = !options.dryRun && result.unreadable.length === 0 && result.report.hidden === undefined;
    if (isWhole) await noteRun(repository, source.store, taken.tree);
    const isKnown = prepared.seen?.tree === taken.tree;
    if (isWhole && !isKnown) await writeSeen(repository, source.store, { tree: taken.tree, trees: taken.known });
    const isAllowed = result.status === 'unchanged' && result.commit !== undefined && options.overridden?.size;
    if (isAllowed && !options.dryRun) {
      const { cluster, source: text } = prepared.identity;
      const origin = { cluster, source: text, revision: taken.result.revision };
      await writeAllowed(repository, source.store, result.commit, origin);
    }
    if (!options.dryRun) await prepared.encryption?.remember();
    return result;
  } finally {
    const prepared = await preparing.catch(() => undefined);
    await prepared?.writer?.abandon();
  }
}

/** What a snapshot is compared with and where it goes. */
interface Prepared {
  readonly tip: Moment | undefined;
  readonly last: LastSnapshot | undefined;
  /** What this host knows of the last snapshot, where it made it. */
  readonly seen: Seen | undefined;
  readonly identity: Identity;
  /** Where the last snapshot was read, and what was allowed beside that; empty where there is none. */
  readonly origins: readonly Origin[];
  readonly sink: ReadableSink;
  /** `undefined` where nothing is to be encrypted. */
  readonly sealer: Sealer | undefined;
  readonly encryption: Encryption | undefined;
  /** `undefined` for a dry run. */
  readonly writer: PackWriter | undefined;
  /** Has to come before the commit: tells the writer which trees its objects are for. */
  settle(...trees: readonly Oid[]): Promise<void>;
}

async function prepare(
  repository: Repository,
  reader: ObjectReader,
  source: BackupSource,
  { dryRun = false, overridden = none, decryptor }: BackupOptions,
  locking: Promise<unknown>,
  given: Encryption | undefined,
): Promise<Prepared> {
  const { store, service } = source;
  const asked = service.identity();
  asked.catch(() => {});
  await locking;
  const tip = await readTip(reader, repository);
  const last = tip && (await lastSnapshot(reader, tip, store));
  const cached = await readSeen(repository, store);
  const seen = cached?.tree === last?.snapshot.tree ? cached : undefined;
  const identity = await asked;
  const allowed = last && (await readAllowed(repository, store, last.oid));
  const origins = last ? [originOf(last.trailers), ...(allowed ? [allowed] : [])] : [];
  guardIdentity(store, identity, origins, overridden);

  const previous = last?.snapshot;
  const encryption = given ?? (await inheritedEncryption(repository, reader, tip, source, previous));
  const isSecret = encryption && (encryption.rules.length > 0 || previous?.manifest.encrypt);
  const sealerFor = async (sink: ObjectSink) => {
    if (!isSecret) return undefined;
    const { openSealer } = await import('./seal.ts');
    return openSealer({ repository, store, encryption, sink, previous, decryptor });
  };
  const base = { tip, last, seen, identity, origins, encryption, settle: async () => {} };
  if (dryRun) {
    const sink = hashSink(new OidSet());
    return { ...base, sink, sealer: await sealerFor(sink), writer: undefined };
  }
  if (last) {
    const writer = openHoldingWriter(repository, reader, last.snapshot.tree);
    return { ...base, sink: writer, sealer: await sealerFor(writer), writer, settle: writer.settle };
  }
  const writer = openPackWriter(repository, new OidSet());
  return { ...base, sink: writer, sealer: await sealerFor(writer), writer };
}

/** Most stores hide nothing, and need nothing that does. */
const loadEncryption: typeof openEncryption = async (...input) =>
  (await import('./encryption.ts')).openEncryption(...input);

/** A store that has encrypted values keeps its rules, so that a host without a configuration puts nothing in clear. */
async function inheritedEncryption(
  repository: Repository,
  reader: ObjectReader,
  tip: Moment | undefined,
  source: BackupSource,
  previous: Snapshot | undefined,
): Promise<Encryption | undefined> {
  const { encrypt } = previous?.manifest ?? {};
  return encrypt && loadEncryption(repository, reader, tip, { ...source, policy: { ...source.policy, encrypt } });
}

/** Commits what was taken, if it is anything new, on top of whatever the branch has become meanwhile. */
async function commitTaken(
  repository: Repository,
  reader: ObjectReader,
  source: BackupSource,
  taken: Taken,
  { identity, origins, sink, settle, encryption, sealer, ...prepared }: Prepared,
  { dryRun = false, overridden = none }: BackupOptions,
): Promise<BackupResult> {
  const { store } = source;
  const snapshot = { store, tree: taken.tree, manifest: taken.manifest, source: sink.over(reader) };
  let { tip, last, writer } = prepared;
  guardRevision(taken.result, identity, origins, overridden);

  let another: PackWriter | undefined;
  try {
    for (let tries = 0; tries < mostTries; tries++) {
      const changes: Change[] = [];
      const target = writer ?? sink;
      const base = sealer && last && (await resealSnapshot(last.snapshot, sealer, target, sink.over(reader)));
      const from = base ?? last?.snapshot;
      const { counts, before } = await compareWithLast(from, snapshot, taken.nodes, dryRun ? changes : undefined);
      const report = reportOn(source, identity, taken, counts);
      const { unreadable, unrestorable } = taken.result;
      const done = {
        report,
        changes,
        unreadable,
        unrestorable,
        resealed: sealer?.resealed ?? { rekeyed: 0, reencrypted: 0 },
        advice: undefined,
        warnings: encryption?.warnings ?? [],
      };
      const steps = stepsTo(snapshot, report, done.resealed, { last, base, newKeys: encryption?.newKeys });
      if (last && steps.length === 0) {
        if (writer) await sealer?.save();
        return { ...done, status: 'unchanged', commit: last.oid };
      }

      const roots = layouts[source.service.traits.kind].keys === 'absolute' ? 1 : 0;
      guardRemoval(Math.max(0, before - roots), taken.nodes - roots, counts.removed, overridden);
      if (!writer) return { ...done, status: 'planned', commit: undefined };

      if (tries === 0) {
        await settle(...(base ? [base.tree] : []), taken.tree);
        // Before the branch moves: a run that is killed in between then costs nothing.
        await sealer?.save();
      }
      const dated = steps.map((step) => ({ ...step, time: source.archive?.time }));
      const commit = await commitChanges(repository, reader, writer, tip, dated);
      if (commit !== undefined) {
        return { ...done, status: 'created', commit, advice: await followWorkTree(repository, tip?.oid, commit) };
      }

      await writer.abandon();
      tip = await readTip(reader, repository);
      last = tip && (await lastSnapshot(reader, tip, store));
      writer = another = openPackWriter(repository, new OidSet());
    }
    throw contended(repository);
  } finally {
    await another?.abandon();
  }
}

const none: ReadonlySet<Guard> = new Set();
