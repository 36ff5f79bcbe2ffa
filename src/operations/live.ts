import { TreekeeperError } from '../errors.ts';
import { hashSink } from '../git/hash-sink.ts';
import { OidSet } from '../git/oid-set.ts';
import type { ObjectSource, Oid } from '../snapshot/objects.ts';
import type { Snapshot } from '../snapshot/walk.ts';
import type { BackupSource } from './backup.ts';
import { type Comparing, openComparer } from './compare-sealed.ts';
import { NotKept } from './contents.ts';
import type { PlanOptions } from './plan-restore.ts';
import { withRestarts } from './read.ts';
import { takeSnapshot } from './take.ts';

/** How many bytes of values that a stored snapshot does not have are kept for showing them. */
const mostKept = 256 * 1024 * 1024;

/** For a service that is compared with nothing that is stored: what was not kept is nowhere else. */
const nowhere: ObjectSource = {
  readTree: () => Promise.reject(new NotKept()),
  readBlob: () => Promise.reject(new NotKept()),
};

/**
 * A live service as if it were a snapshot, held in memory, so that it can be compared with `stored` or another one. Values
 * that are in neither `stored` nor the first 256 MiB of new ones cannot be read back: that fails with `NotKept`.
 */
export async function liveSnapshot(
  { service, policy, store }: BackupSource,
  stored: Snapshot | undefined,
  { signal, onProgress, ...comparing }: PlanOptions & Comparing = {},
): Promise<Snapshot> {
  return withRestarts(async () => {
    const known = new OidSet();
    const sink = hashSink(known);
    const kept = new Map<Oid, Uint8Array>();
    const dropped = new OidSet();
    let bytes = 0;
    const keeping = {
      tree: sink.tree,
      blob(content: Uint8Array): Oid {
        const oid = sink.blob(content);
        if (kept.has(oid)) return oid;
        if (bytes < mostKept) {
          kept.set(oid, Uint8Array.from(content));
          bytes += content.length;
        } else {
          dropped.add(oid);
        }
        return oid;
      },
    };
    const { tree, manifest, result } = await takeSnapshot(
      service,
      policy,
      { sink: keeping, previous: stored, sealer: stored && openComparer(stored, keeping, comparing) },
      {
        signal,
        onProgress,
      },
    );
    const reason = result.hidden ?? result.unreadable[0]?.reason;
    if (reason !== undefined) {
      throw new TreekeeperError('incomplete', 'not all nodes of the service can be read, so it cannot be compared', {
        hint: `the first reason: ${reason}`,
      });
    }

    const under = sink.over(stored?.source ?? nowhere);
    return {
      store,
      tree,
      manifest,
      source: {
        readTree: under.readTree,
        readBlob: async (oid) =>
          kept.get(oid) ??
          under.readBlob(oid).catch((thrown) => {
            throw dropped.has(oid) ? new NotKept() : thrown;
          }),
      },
    };
  });
}
