import type { Run, Work } from './measure.ts';

/** What has to hold, and what was measured. */
export interface Demand {
  readonly what: string;
  readonly most: number;
  readonly measured: number;
}

/** One part of the page, with what it shows about the demands. */
export interface Section {
  readonly text: string;
  /** In nodes. */
  readonly size: number;
  readonly demands: readonly Demand[];
}

/** A table of works; `base` is the row that the others are compared with. */
export function table(works: readonly Work[], runs: readonly Run[], base: number, ratio: string): string {
  const unit = runs[base]?.seconds ?? Number.NaN;
  const rows = works.map(({ name }, index) => {
    const { seconds = Number.NaN, peak = Number.NaN } = runs[index] ?? {};
    return `| ${name} | ${seconds.toFixed(2)} | ${(seconds / unit).toFixed(2)} | ${peak.toFixed(0)} |`;
  });
  return [`| | seconds | ${ratio} | peak MB |`, '|---|--:|--:|--:|', ...rows].join('\n');
}

/** The table of demands, most readers' first question. */
export function demandTable(demands: readonly Demand[]): string {
  const rows = demands.map(({ what, most, measured }) => {
    const verdict = measured <= most ? 'yes' : '**no**';
    return `| ${what} | ${most.toFixed(2)} | ${measured.toFixed(2)} | ${verdict} |`;
  });
  return ['| ratio of times | at most | measured | holds |', '|---|--:|--:|---|', ...rows].join('\n');
}
