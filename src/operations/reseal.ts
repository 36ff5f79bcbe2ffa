import type { ReadableSink } from '../git/sink.ts';
import { buildTree } from '../snapshot/build.ts';
import { layouts } from '../snapshot/layout.ts';
import { encodeManifest, sameRules } from '../snapshot/manifest.ts';
import { decodeTrailers, encodeMessage, type SnapshotReport } from '../snapshot/message.ts';
import type { ObjectSource } from '../snapshot/objects.ts';
import { latin1 } from '../snapshot/paths.ts';
import { encodeResealMessage } from '../snapshot/reseal-message.ts';
import { type Snapshot, walkSnapshot } from '../snapshot/walk.ts';
import { version } from '../version.ts';
import type { BranchChange } from './commit-store.ts';
import type { LastSnapshot } from './last-snapshot.ts';
import type { Resealed, Sealer } from './seal.ts';

/**
 * A snapshot as it would be had its values been encrypted by the present rules: the same nodes, with other ciphertexts for
 * those that were sealed anew. Its objects go to the sink. It is the same snapshot where there is nothing to change.
 */
export async function resealSnapshot(
  snapshot: Snapshot,
  { rules, resealedValues: values }: Pick<Sealer, 'rules' | 'resealedValues'>,
  sink: ReadableSink,
  fallback: ObjectSource,
): Promise<Snapshot> {
  if (values.size === 0 && sameRules(rules, snapshot.manifest.encrypt ?? [])) return snapshot;
  const manifest = { ...snapshot.manifest, encrypt: rules };
  const { service, root } = manifest;
  const builder = buildTree({ layout: layouts[service], root, sink, ordered: false });
  await walkSnapshot(snapshot, ({ key, value, attributes }) => {
    const resealed = values.get(latin1(key));
    builder.add(key, resealed && resealed.was === value?.oid ? resealed.is : value, attributes);
  });
  const tree = builder.finish(sink.blob(encodeManifest(manifest)));
  return { ...snapshot, tree, manifest, source: sink.over(fallback) };
}

/** What a new snapshot follows, and what of it is to be in the repository besides. */
export interface Following {
  readonly last: LastSnapshot | undefined;
  /** The last snapshot, encrypted by the present rules. */
  readonly base: Snapshot | undefined;
  readonly newKeys: ReadonlyMap<string, Uint8Array> | undefined;
}

/**
 * The commits that lead from the last snapshot to a new one: what changed only in its encryption has one of its own, so that
 * the other one tells what happened in the service.
 */
export function stepsTo(
  snapshot: Snapshot,
  report: SnapshotReport,
  resealed: Resealed,
  { last, base, newKeys }: Following,
): BranchChange[] {
  const { store, tree } = snapshot;
  const message = encodeMessage(report, version);
  const steps: BranchChange[] = [];
  if (last && base && base.tree !== last.snapshot.tree) {
    const isAll = base.tree === tree;
    const trailers = new Map(isAll ? decodeTrailers(message) : last.trailers);
    // Those of which nobody knew what they held are as they were read now.
    if (!isAll && resealed.reencrypted > 0)
      trailers.set('Consistency', 'fuzzy (values that were encrypted anew are newer)');
    const step = { store, ...resealed };
    steps.push({ store: { name: store, tree: base.tree }, message: encodeResealMessage(step, trailers, version) });
  }
  if ((base ?? last?.snapshot)?.tree !== tree) steps.push({ store: { name: store, tree }, message });
  if (!newKeys || newKeys.size === 0) return steps;
  const [first = { message: `keys: ${[...newKeys.keys()].join(', ')}\n` }, ...others] = steps;
  return [{ ...first, keys: newKeys }, ...others];
}
