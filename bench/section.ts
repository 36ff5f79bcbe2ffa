import type { Measured } from './measure.ts';

/** What has to hold, and what was measured. */
export interface Demand {
  readonly what: string;
  readonly most: number;
  readonly measured: number;
}

/** Works that were measured in turn; all are compared with the one named `base`. */
export interface Comparison {
  readonly base: string;
  readonly rows: readonly Measured[];
}

/** One part of the page, as results.json keeps it. */
export interface Section {
  readonly title: string;
  readonly comparisons: readonly Comparison[];
  readonly demands: readonly Demand[];
  /** What is no time: sizes, counts, peers that are missing here. */
  readonly remarks: readonly string[];
}

/** A section with the machine, the versions and the day. */
export interface Recorded extends Section {
  readonly circumstances: string;
}

/** Finds what was measured by the names of the works. */
export function seconds(rows: readonly Measured[]): (name: string) => number {
  return (name) => rows.find((row) => row.name === name)?.median ?? Number.NaN;
}

/** The section as Markdown. */
export function sectionText({ title, comparisons, remarks, circumstances }: Recorded): string {
  return [`## ${title}`, ...comparisons.map(comparisonTable), ...remarks, circumstances].join('\n\n');
}

function comparisonTable({ base, rows }: Comparison): string {
  const unit = seconds(rows)(base);
  const lines = rows.map(({ name, runs, median, least, most, peak }) => {
    const spread = runs > 1 ? `${least.toFixed(2)} to ${most.toFixed(2)}` : 'once';
    return `| ${name} | ${median.toFixed(2)} | ${spread} | ${(median / unit).toFixed(2)} | ${peak.toFixed(0)} |`;
  });
  return [`| | seconds | spread | ratio to "${base}" | peak MB |`, '|---|--:|--:|--:|--:|', ...lines].join('\n');
}

/** The table of demands, most readers' first question. */
export function demandTable(demands: readonly Demand[]): string {
  const rows = demands.map(({ what, most, measured }) => {
    const verdict = measured <= most ? 'yes' : '**no**';
    return `| ${what} | ${most.toFixed(2)} | ${measured.toFixed(2)} | ${verdict} |`;
  });
  return ['| ratio | at most | measured | holds |', '|---|--:|--:|---|', ...rows].join('\n');
}
