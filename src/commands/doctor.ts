import { Command, Option } from 'clipanion';
import type { Diagnosis } from '../operations/doctor.ts';
import { formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { countRate } from '../report/rate.ts';
import { count } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

/** More nodes of one kind than these are only counted. */
const mostShown = 20;

export class DoctorCommand extends BaseCommand {
  static override paths = [['doctor']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'tell what a backup and a restore of a service would meet',
    details: `
      Connects, authenticates and measures how fast the service answers; reads all that a backup would read, and tells what
      would be left out and why; and asks the service whether a restore could create nodes. Nothing is changed, neither in
      the service nor in any repository.

      Exit status: 0 a backup would be complete; 3 some nodes cannot be read; 15 the service cannot be reached.
    `,
    examples: [
      ['Can it be reached, and read?', '$0 doctor zookeeper://127.0.0.1:2181'],
      ['A store of treekeeper.yaml, with its policies', '$0 doctor etcd-prod'],
    ],
  });

  service = Option.String({ name: 'SERVICE' });

  protected override async run({ printer, surroundings, signal }: Session): Promise<number | undefined> {
    const [{ connect }, { diagnose }] = await Promise.all([
      import('../operations/connect.ts'),
      import('../operations/doctor.ts'),
    ]);
    const source = await connect(this.service, surroundings);
    await using _ = source.service;
    const diagnosis = await diagnose(source, { signal, onProgress: countRate('reading', printer.progress) });
    report(diagnosis, printer);
    return diagnosis.read.unreadable.length > 0 || diagnosis.read.hidden !== undefined ? 3 : undefined;
  }
}

function report(diagnosis: Diagnosis, printer: Printer): void {
  const { identity, latency, read, bytes, largest, readTime, refusal } = diagnosis;
  const { version, source, cluster } = identity;
  const told = [version && `version ${version}`, cluster && `identity ${cluster}`].filter(Boolean).join(', ');
  printer.print({ type: 'identity', version, source, cluster }, `reached ${source}${told && ` (${told})`}`);
  printer.print({ type: 'latency', milliseconds: latency }, `answers in ${latency.toFixed(1)} ms`);

  const { nodes, skipped, unreadable, unrestorable, hidden, consistency, window } = read;
  const seconds = readTime / 1000;
  const biggest = largest && `, the largest ${count(largest.bytes)} B at ${formatKey(largest.key)}`;
  printer.print(
    { type: 'read', nodes, bytes, largest, seconds, consistency, window, hidden },
    `reads ${count(nodes)} nodes of ${count(bytes)} B in ${seconds.toFixed(2)} s${biggest ?? ''}; ${consistency}`,
  );
  for (const [reason, number] of skipped) {
    printer.print({ type: 'skipped', reason, nodes: number }, `leaves out ${count(number)} nodes: ${reason}`);
  }
  const unread = unreadable.map(({ key, reason, subtree }) => ({
    report: { type: 'unreadable', key, reason, subtree },
    text: `cannot read ${formatKey(key)}${subtree ? ' and what is below it' : ''}: ${reason}`,
  }));
  const lost = unrestorable.map(({ key, reason }) => ({
    report: { type: 'unrestorable', key, reason },
    text: `a backup could not be restored at ${formatKey(key)}: ${reason}`,
  }));
  for (const found of [unread, lost]) {
    for (const [index, { report, text }] of found.entries())
      printer.print(report, index < mostShown ? text : undefined);
    if (found.length > mostShown) printer.note(`and ${count(found.length - mostShown)} more of these`);
  }
  if (hidden !== undefined) printer.print({ type: 'hidden', reason: hidden }, `may not see everything: ${hidden}`);
  printer.print(
    { type: 'restorable', allowed: refusal === undefined, reason: refusal },
    refusal === undefined
      ? 'a restore may create nodes below the root'
      : `a restore may not create nodes below the root: ${refusal}`,
  );
}
