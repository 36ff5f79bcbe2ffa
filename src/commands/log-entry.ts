import { changesBetween, type Side, sideReader } from '../operations/diff.ts';
import type { Decryptor } from '../operations/lazy-decryptor.ts';
import type { LogEntry } from '../operations/log.ts';
import type { OpenRepository } from '../operations/open.ts';
import { escapeText } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { describeSize, readableText } from '../report/value.ts';
import { count } from '../snapshot/message.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import { printChanges } from './changes.ts';

/** How much of each snapshot is printed. */
export interface LogForm {
  readonly key: Uint8Array | undefined;
  /** With the changes themselves. */
  readonly patch: boolean;
  readonly full: boolean;
}

/** A value of one line and no more characters than this stands behind the snapshot, a longer one below it. */
const longestInline = 80;
const mostLines = 20;
const indent = '    ';

/** Prints one snapshot of a history, with the value that a key had from then on, or with the changes. */
export async function printEntry(
  entry: LogEntry,
  { reader }: OpenRepository,
  printer: Printer,
  { key, patch, full }: LogForm,
  decryptor: Decryptor | undefined,
): Promise<void> {
  const { oid, store, subject, trailers, change, commit } = entry;
  const after = change?.after;
  const isOfNode = change !== undefined && change.what !== 'changed below';
  const side = isOfNode && after ? await sideReader({ store, source: reader }, decryptor)(after) : undefined;
  const revision = trailers.get('Revision');
  const complete = !trailers.get('Complete')?.startsWith('no');
  const time = commit.committer.time;

  const { style } = printer;
  const what = change
    ? `${store}: ${whatBecame(entry)}${revision === undefined ? '' : `, revision ${revision}`}`
    : subject;
  const marks = complete ? '' : '  [incomplete]';
  const value = side && !patch ? valueLines(side, full) : [];
  const isInline = value.length === 1 && (value[0]?.length ?? 0) <= longestInline;
  const shown = isInline ? `  = ${value[0]}` : value.map((line) => `\n${indent}${line}`).join('');
  printer.print(
    {
      type: 'snapshot',
      commit: oid,
      time: new Date(time * 1000).toISOString(),
      store,
      subject,
      complete,
      // What the service called this state, and how it was read (see the trailers in README); absent in commits of others.
      revision,
      consistency: trailers.get('Consistency'),
      nodes: trailers.has('Nodes') ? Number(trailers.get('Nodes')) : undefined,
      // For the history of a key: what became of it, and what it had from then on.
      change: change?.what,
      ...(side && { value: side.value, attributes: side.attributes, encrypted: side.encrypted }),
    },
    `${style.snapshot(shortOid(oid))}  ${formatTime(time)}  ${escapeText(what)}${style.faint(marks)}${shown}`,
  );
  if (!patch) return;
  const form = { detail: 'values', full, byLine: false, indent } as const;
  await printChanges(await changesBetween(reader, entry, key), printer, form, decryptor);
}

function whatBecame({ change }: LogEntry): string {
  const { before, after, what } = change ?? {};
  const isValue = before?.value?.oid !== after?.value?.oid;
  return what === 'changed' && !isValue ? 'attributes changed' : (what ?? '');
}

/** A value in lines that are safe to print: what it is, where it is no text. */
function valueLines({ value, encrypted, attributes }: Side, full: boolean): string[] {
  const text = value ? readableText(value) : undefined;
  const shown = text === undefined || text === '' ? `(${describeSize({ value, encrypted })})` : text;
  const lines = shown.replace(/\n$/, '').split('\n').map(escapeText);
  const extra = attributes === undefined ? [] : [`attributes ${JSON.stringify(attributes)}`];
  if (full || lines.length <= mostLines) return [...lines, ...extra];
  return [...lines.slice(0, mostLines), `… ${count(lines.length - mostLines)} more lines (--full)`, ...extra];
}
