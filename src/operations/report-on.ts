import type { Identity } from '../services/service.ts';
import type { Counts, SnapshotReport } from '../snapshot/message.ts';
import type { BackupSource } from './backup.ts';
import type { Taken } from './take.ts';

/** What a commit says of the snapshot that was taken: where and how it was read, and how it differs from the last one. */
export function reportOn(
  { store, service, archive }: BackupSource,
  identity: Identity,
  { nodes, result }: Taken,
  counts: Counts,
): SnapshotReport {
  const { consistency, window, revision, skipped, unreadable, hidden } = result;
  return {
    ...counts,
    store,
    service: identity.version === undefined ? service.traits.kind : `${service.traits.kind} ${identity.version}`,
    source: identity.source,
    identity: identity.cluster,
    imported: archive?.name,
    revision,
    consistency: window === undefined ? consistency : `${consistency} (${window})`,
    unreadable: unreadable.length,
    hidden,
    skipped,
    nodes,
  };
}
