import { createHash } from 'node:crypto';
import type { Oid } from '../snapshot/objects.ts';

/** A part of all values: the same for the same seed, in any order and on any machine. */
export interface Sample {
  /** Between 0 and 1. */
  readonly fraction: number;
  readonly seed: string;
}

/** Whether an id is in the sample; all are in none. */
export function sampler(sample: Sample | undefined): (oid: Oid) => boolean {
  if (!sample) return () => true;
  const { fraction, seed } = sample;
  return (oid) => createHash('sha256').update(`${seed} ${oid}`).digest().readUInt32BE(0) < fraction * 2 ** 32;
}
