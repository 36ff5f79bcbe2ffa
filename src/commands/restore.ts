import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { formatKey, parseKey } from '../report/key.ts';
import { countRate } from '../report/rate.ts';
import { countVerdicts } from '../snapshot/plan.ts';
import { depthFor, parseSnapshotArgument } from './arguments.ts';
import { BaseCommand, type Session } from './base.ts';
import { openTally, printPlan } from './restore-report.ts';

export class RestoreCommand extends BaseCommand {
  static override paths = [['restore']];

  static override usage = Command.Usage({
    category: 'Snapshots',
    description: 'create in a service what is missing from a snapshot',
    details: `
      Prints the plan, then creates the nodes that are missing, and only those: it never overwrites and never deletes. The
      service itself decides at the last moment whether a node is missing. It can be run again at any time.

      SNAPSHOT is \`latest\`, \`latest~2\`, a branch, tag or commit as Git names them, or \`@{2026-11-01}\`; with \`:KEY\` only
      the nodes at and below that key. Nodes that belonged to running clients are never created, unless asked for.

      Exit status: 0 everything is there; 3 some nodes differ (and were kept), could not be created or could not be read;
      5 the snapshot is damaged, and nothing was created; 15 the service cannot be reached.
    `,
    examples: [
      ['See what is missing', '$0 restore latest etcd://127.0.0.1:2379 -n'],
      ['Bring back one subtree', '$0 restore latest:/app/db etcd://127.0.0.1:2379'],
      ['Restore beside what is there', '$0 restore latest:/app etcd://127.0.0.1:2379 --map /app=/app-restored'],
    ],
  });

  snapshot = Option.String({ name: 'SNAPSHOT[:KEY]' });
  service = Option.String({ name: 'SERVICE' });
  store = Option.String('--store', { description: 'The store, where the repository has several' });
  moves = Option.Array('--map', { description: 'FROM=TO: create the nodes at and below FROM at TO; may be repeated' });
  persist = Option.Boolean('--persist-ephemeral', false, {
    description: 'Create nodes that belonged to running clients too, as ordinary ones',
  });
  strict = Option.Boolean('--strict', false, {
    description: 'Create nothing at all where some node of the plan could not be created',
  });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'Stop after the plan' });

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const [
      { connect },
      { locate },
      { openForReading },
      { planRestore },
      { parseMove },
      { applyPlan },
      { restartedCounters },
    ] = await Promise.all([
      import('../operations/connect.ts'),
      import('../operations/revision.ts'),
      import('../operations/open.ts'),
      import('../operations/plan-restore.ts'),
      import('../operations/relocate.ts'),
      import('../operations/restore.ts'),
      import('../operations/counters.ts'),
    ]);
    const { revision, key } = parseSnapshotArgument(this.snapshot);
    const moves = (this.moves ?? []).map((text) => parseMove(text, parseKey));
    await using opened = await openForReading(repositoryPath, surroundings, depthFor(revision));
    const { snapshot, moment } = await locate(opened.reader, opened.repository, revision, this.store);
    const { service: target } = await connect(this.service, surroundings);
    await using service = target;

    const { source } = await service.identity();
    printer.note(`from ${snapshot.store} at ${moment.oid.slice(0, 10)} into ${source}`);
    const { decryptor } = surroundings;
    const request = {
      snapshot,
      service,
      below: key,
      moves,
      persistEphemeral: this.persist,
      ...(decryptor && { decryptor }),
    };
    const plan = await planRestore(request, { signal, onProgress: countRate(`reading ${source}`, printer.progress) });
    printPlan(plan.steps, printer);
    const counts = countVerdicts(plan.steps);
    for (const key of restartedCounters(plan.steps, service.traits.sequenceDigits)) {
      printer.warn(
        `the children of ${formatKey(key)} are numbered, and the counter of a node that is created anew starts at 0`,
      );
    }
    if (this.strict && counts.refused + counts.unreadable > 0) {
      throw new TreekeeperError(
        'incomplete',
        `nothing was created: ${counts.refused + counts.unreadable} nodes could not be`,
        {
          hint: 'the plan says why for each; without --strict the others are created',
        },
      );
    }
    if (this.dryRun) return undefined;

    const tally = openTally(counts, printer);
    tally.unsettled(await applyPlan(plan, service, { signal, onDone: tally.add }));
    return tally.finish() ? undefined : 3;
  }
}
