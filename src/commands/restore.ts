import { resolve } from 'node:path';
import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import type { RestoreRequest } from '../operations/plan-restore.ts';
import { formatKey } from '../report/key.ts';
import { countRate } from '../report/rate.ts';
import { count } from '../snapshot/message.ts';
import type { Session } from './base.ts';
import { RequestCommand } from './restore-request.ts';

export class RestoreCommand extends RequestCommand {
  static override paths = [['restore']];

  static override usage = Command.Usage({
    category: 'Snapshots',
    description: 'create in a service what is missing from a snapshot',
    details: `
      Prints the plan, then creates the nodes that are missing, and only those: it never overwrites and never deletes. The
      service itself decides at the last moment whether a node is missing. It can be run again at any time, and one that was
      interrupted, at whatever point, is finished by running it again.

      SNAPSHOT is \`latest\`, \`latest~2\`, a branch, tag or commit as Git names them, or \`@{2026-11-01}\`; with \`:KEY\` only
      the nodes at and below that key. Nodes that belonged to running clients are never created, unless asked for.

      On a terminal it asks before it creates more than 100 nodes, or as many as --confirm-above or \`confirmAbove\` in
      treekeeper.yaml say; --yes answers beforehand. Without a terminal there is no question: it goes on, unless such a
      number was given and --yes was not.

      With --plan-out FILE it stops after the plan, and \`treekeeper apply FILE\` carries out exactly that one.

      Exit status: 0 everything is there; 1 the answer was no; 2 there is no such snapshot or key; 3 some nodes differ (and were kept), could not be created or
      could not be read; 5 the snapshot is damaged, and nothing was created; 12 no key opens its encrypted values; 14 nobody who is
      trusted signed it; 15 the service cannot be reached.
    `,
    examples: [
      ['See what is missing', '$0 restore latest etcd://127.0.0.1:2379 -n'],
      ['Bring back one subtree', '$0 restore latest:/app/db etcd://127.0.0.1:2379'],
      ['Restore beside what is there', '$0 restore latest:/app etcd://127.0.0.1:2379 --map /app=/app-restored'],
      [
        'Have the plan looked at before it is carried out',
        '$0 restore latest etcd://127.0.0.1:2379 --plan-out plan.jsonl',
      ],
      ['In a script, and prove it', '$0 restore latest etcd://127.0.0.1:2379 --yes --verify'],
    ],
  });

  strict = Option.Boolean('--strict', false, {
    description: 'Create nothing at all where some node of the plan could not be created',
  });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'Stop after the plan' });
  planOut = Option.String('--plan-out', { description: 'Stop after the plan, and keep it in this file for `apply`' });
  yes = Option.Boolean('-y,--yes', false, { description: 'Create however many nodes without a question' });
  confirmAbove = Option.String('--confirm-above', {
    description: 'Ask before more nodes than these are created (100)',
  });
  verify = Option.Boolean('--verify', false, {
    description: 'Read the service again afterwards, and tell whether it has every node',
  });

  protected override async run(session: Session): Promise<number | undefined> {
    const [{ planRestore }, { printPlan }, { carryOut }, { restartedCounters }] = await Promise.all([
      import('../operations/plan-restore.ts'),
      import('./restore-report.ts'),
      import('./carry-out.ts'),
      import('../operations/counters.ts'),
    ]);
    const { printer, signal } = session;
    await using opened = await this.open(session);
    const { request, origin } = opened;
    const { source } = origin;
    printer.note(`from ${origin.store} at ${origin.snapshot.slice(0, 10)} into ${source}`);

    const onProgress = countRate(`reading ${source}`, printer.progress);
    const plan = await planRestore(request, { signal, onProgress });
    const counts = printPlan(plan.steps, printer, { full: this.full });
    for (const key of restartedCounters(plan.steps, request.service.traits.sequenceDigits)) {
      printer.warn(
        `the children of ${formatKey(key)} are numbered, and the counter of a node that is created anew starts at 0`,
      );
    }
    const impossible = counts.refused + counts.unreadable;
    if (this.strict && impossible > 0) {
      throw new TreekeeperError('incomplete', `nothing was created: ${count(impossible)} nodes could not be`, {
        hint: 'the plan says why for each; without --strict the others are created',
      });
    }

    if (this.planOut !== undefined) {
      const { writePlan } = await import('../operations/plan-file.ts');
      await writePlan(resolve(this.context.directory, this.planOut), origin, plan);
      printer.note(`nothing was created; to do it: treekeeper apply ${this.planOut}`);
      return undefined;
    }
    if (this.dryRun) return undefined;

    const { yes, confirmAbove } = this;
    const isWhole = await carryOut(
      { plan, counts, service: request.service, source, yes, confirmAbove },
      session,
      this.context,
    );
    const isProven = !this.verify || (await this.prove(session, request));
    return isWhole && isProven ? undefined : 3;
  }

  private async prove({ printer, signal }: Session, request: RestoreRequest): Promise<boolean> {
    const [{ verify }, { printVerification }] = await Promise.all([
      import('../operations/verify.ts'),
      import('./verify-report.ts'),
    ]);
    const verification = await verify(request, { signal, onProgress: countRate('verifying', printer.progress) });
    printVerification(verification, printer, { full: this.full });
    return verification.verdict === 'equal';
  }
}
