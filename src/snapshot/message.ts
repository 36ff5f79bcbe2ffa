import { formatVersion } from './manifest.ts';

/** How many nodes a snapshot has more, other and less than the one before. */
export interface Counts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/** What a commit message tells of its snapshot. All of it is about the read, none of it is secret. */
export interface SnapshotReport extends Counts {
  readonly store: string;
  /** Kind and version of the service: `etcd 3.5.16`. */
  readonly service: string;
  readonly source: string;
  /** What the guard against another cluster compares. */
  readonly identity: string | undefined;
  readonly revision: string | undefined;
  /** `exact`, `quiescent`, or `fuzzy` with its window. */
  readonly consistency: string;
  /** Nodes that could not be read and stand as they were in the snapshot before. */
  readonly unreadable: number;
  /** Why the service may have more nodes than it showed; those that it did not show stand as they were. */
  readonly hidden: string | undefined;
  /** What was left out on purpose, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly nodes: number;
  /** The archive of another tool that the snapshot was made from. */
  readonly imported?: string | undefined;
}

/** In the order in which they stand. */
const trailerNames = [
  'Store',
  'Service',
  'Source',
  'Identity',
  'Revision',
  'Consistency',
  'Complete',
  'Skipped',
  'Nodes',
  'Rekeyed',
  'Reencrypted',
  'Imported',
  'Tool',
] as const;

export type Trailers = ReadonlyMap<string, string>;

/** The trailers that some commit has. */
export type SomeTrailers = { readonly [name in (typeof trailerNames)[number]]?: string | undefined };

/** The commit message of a snapshot: a subject for people, then one trailer a line. `version` is treekeeper's own. */
export function encodeMessage(report: SnapshotReport, version: string): string {
  const { store, added, changed, removed, nodes } = report;
  const subject = `${store}: ${count(added)} added, ${count(changed)} changed, ${count(removed)} removed (${count(nodes)} nodes)`;
  return `${subject}\n\n${encodeTrailers(trailersOf(report, version))}\n`;
}

function trailersOf(report: SnapshotReport, version: string): SomeTrailers {
  const { unreadable, skipped } = report;
  return {
    Store: report.store,
    Service: report.service,
    Source: report.source,
    Identity: report.identity,
    Revision: report.revision,
    Consistency: report.consistency,
    Complete: completeness(unreadable, report.hidden),
    Skipped:
      skipped.size === 0 ? undefined : [...skipped].map(([reason, number]) => `${count(number)} ${reason}`).join(', '),
    Nodes: String(report.nodes),
    Imported: report.imported,
    Tool: toolTrailer(version),
  };
}

export function toolTrailer(version: string): string {
  return `treekeeper ${version} (format ${formatVersion})`;
}

/** One trailer a line, without those that are undefined. */
export function encodeTrailers(trailers: SomeTrailers): string {
  const lines = trailerNames.flatMap((name) =>
    trailers[name] === undefined ? [] : [`${name}: ${oneLine(trailers[name])}`],
  );
  return lines.join('\n');
}

function completeness(unreadable: number, hidden: string | undefined): string {
  if (unreadable > 0) return `no (${count(unreadable)} unreadable)`;
  return hidden === undefined ? 'yes' : `no (${hidden})`;
}

/** The trailers of a commit message that treekeeper wrote; empty for any other. */
export function decodeTrailers(message: string): Trailers {
  const trailers = new Map<string, string>();
  const last = message.trimEnd().split(/\n\n+/).at(-1) ?? '';
  for (const line of last.split('\n')) {
    const [, name, value] = /^([A-Z][A-Za-z-]*): (.*)$/s.exec(line) ?? [];
    if (name !== undefined && value !== undefined) trailers.set(name, value);
  }
  return trailers.has('Store') ? trailers : new Map();
}

/** A count as people read it: `1,042`. */
export function count(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A count of things: `1 commit`, `1,042 commits`. */
export function countOf(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** A path of a source may hold any character; a trailer ends at its line. */
function oneLine(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
