import type { Identity, Unreadable } from '../services/service.ts';
import { layouts } from '../snapshot/layout.ts';
import { keyAt } from '../snapshot/paths.ts';
import type { BackupSource } from './backup.ts';
import { type ReadResult, readService, withRestarts } from './read.ts';

/** What was found out about a service. Nothing in it was changed. */
export interface Diagnosis {
  readonly identity: Identity;
  /** Of a question that needs no work, in milliseconds: the median of some. */
  readonly latency: number;
  readonly read: ReadResult;
  /** Bytes of all values, and the largest one, with its key. */
  readonly bytes: number;
  readonly largest: { readonly key: Uint8Array; readonly bytes: number } | undefined;
  /** How long the whole read took, in milliseconds. */
  readonly readTime: number;
  /** Why a restore could not create a node directly below the root, or `undefined` where it could. */
  readonly refusal: string | undefined;
}

const questions = 5;

/** Nobody has a node of this name, and none is made. */
const rehearsed = 'treekeeper-doctor';

/**
 * Looks at a service as a backup and a restore would: who it is, how fast it answers, what its policy reads and leaves out,
 * and whether nodes could be created. Throws `TreekeeperError('unreachable')` where it cannot be reached at all.
 */
export async function diagnose(
  { service, policy }: BackupSource,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (nodes: number) => void } = {},
): Promise<Diagnosis> {
  const identity = await service.identity();
  const times: number[] = [];
  for (let number = 0; number < questions; number++) {
    const start = performance.now();
    await service.identity();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);

  const start = performance.now();
  const { read, bytes, largest } = await withRestarts(async () => {
    const seen = { bytes: 0, largest: undefined as Diagnosis['largest'] };
    const visitor = {
      node({ key, value }: { key: Uint8Array; value: Uint8Array | null }) {
        const size = value?.length ?? 0;
        seen.bytes += size;
        if (size > (seen.largest?.bytes ?? 0)) seen.largest = { key: Buffer.from(key), bytes: size };
      },
      unreadable(_: Unreadable) {},
      pause: (nodes: number) => onProgress?.(nodes),
    };
    return {
      read: await readService(service, policy, visitor, {
        ...(signal && { signal }),
        ...(onProgress && { onHeld: onProgress }),
      }),
      ...seen,
    };
  });
  const readTime = performance.now() - start;

  const key = keyAt({ relative: false, segments: [rehearsed] }, service.root, layouts[service.traits.kind]);
  const refusal = await service.mayCreate(key);
  return { identity, latency: times[Math.floor(questions / 2)] ?? 0, read, bytes, largest, readTime, refusal };
}
