import { test } from 'vitest';
import { type Random, seeded } from '../random.ts';

/** What one subject did and found, for the table at the end. */
export interface Tally {
  readonly seed: number;
  /** How often each thing was done: kills, injected errors, runs. */
  readonly counts: { [what: string]: number };
  /** What must never happen, and did. */
  readonly violations: string[];
  /** Why there was nothing to do here. */
  skipped?: string;
}

declare module 'vitest' {
  interface TaskMeta {
    tally?: Tally;
  }
}

export interface Subject {
  readonly random: Random;
  /** The first in a run of minutes, the second in one of hours. */
  scale(short: number, long: number): number;
  count(what: string, times?: number): void;
  /** Notes a violation unless `holds`. The subject goes on, so that one run tells of all of them. */
  must(holds: boolean, violation: string): void;
  /** Ends the subject where this machine lacks something. */
  skip(why: string): never;
}

const isLong = process.env['FAULTS_LONG'] === '1';
const hour = 3_600_000;

/** One subject of the campaign: a test that counts what it did, and fails where anything was violated. */
export function subject(name: string, run: (subject: Subject) => Promise<void>): void {
  test(name, { timeout: isLong ? 12 * hour : hour }, async ({ task, skip }) => {
    const seed = Number(process.env['FAULTS_SEED'] ?? Date.now() % 2 ** 31);
    console.info(`${name}: seed ${seed}`);
    const tally: Tally = { seed, counts: {}, violations: [] };
    task.meta.tally = tally;
    await run({
      random: seeded(seed),
      scale: (short, long) => (isLong ? long : short),
      count(what, times = 1) {
        tally.counts[what] = (tally.counts[what] ?? 0) + times;
      },
      must(holds, violation) {
        if (!holds) tally.violations.push(violation);
      },
      skip(why): never {
        tally.skipped = why;
        return skip(why) as never;
      },
    });
    if (tally.violations.length > 0) throw new Error(`seed ${seed}:\n${tally.violations.join('\n')}`);
  });
}
