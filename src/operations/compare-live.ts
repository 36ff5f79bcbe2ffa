import type { Snapshot } from '../snapshot/walk.ts';
import type { BackupSource } from './backup.ts';
import type { Comparing } from './compare-sealed.ts';
import { connect, type Surroundings } from './connect.ts';
import type { Compared } from './diff.ts';
import { liveSnapshot } from './live.ts';
import type { PlanOptions } from './plan-restore.ts';

/** Reads a service, as it is named, to be compared with `like`. Throws as `connect` and `liveSnapshot` do. */
export async function readLive(
  name: string,
  like: Snapshot | undefined,
  surroundings: Surroundings,
  options: PlanOptions & Pick<Comparing, 'repository'>,
): Promise<Compared> {
  const source: BackupSource = await connect(name, surroundings);
  await using service = source.service;
  // What the store leaves out on purpose is no difference.
  const { include, exclude, ephemeral, encrypt } = like?.manifest ?? { ...source.policy, encrypt: undefined };
  const snapshot = await liveSnapshot(
    { store: source.store, service, policy: { include, exclude, ephemeral, encrypt } },
    like,
    { ...options, decryptor: surroundings.decryptor },
  );
  return { snapshot, moment: undefined, source: name };
}
