import type { OidSet } from './oid-set.ts';
import { type ReadableSink, readableSink } from './sink.ts';

/** A sink that only computes ids: for dry runs, and for looking at a live tree as if it were a snapshot. */
export function hashSink(known: OidSet): ReadableSink {
  return readableSink(known, () => {});
}
