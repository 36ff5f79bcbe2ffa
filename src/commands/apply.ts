import { resolve } from 'node:path';
import { Command, Option } from 'clipanion';
import { BaseCommand, type Session } from './base.ts';

export class ApplyCommand extends BaseCommand {
  static override paths = [['apply']];

  static override usage = Command.Usage({
    category: 'Snapshots',
    description: 'carry out a plan that `restore --plan-out` made',
    details: `
      Creates exactly the nodes that the plan says are missing, from the snapshot that it was made from, in the service that it
      was made for: what was backed up since then, or went missing, does not take part. As ever, a node that is there by now is
      kept, and told. It refuses a plan for a snapshot that this repository has not, for another service (by the identity of the
      cluster, where it has one), of another version, and one that was edited or damaged.

      The plan names the service as \`restore\` was given it; credentials are not in it and come from where they always do.

      Exit status: 0 everything is there; 1 the answer was no; 2 it is no plan, of another version or for another repository;
      3 some nodes differ (and were kept), could not be created or could not be read; 5 the plan or the snapshot is damaged;
      12 no key opens its encrypted values; 14 nobody who is trusted signed the snapshot; 15 the service cannot be reached; 16 the plan is for another service.
    `,
    examples: [
      ['Make a plan', '$0 restore latest etcd://127.0.0.1:2379 --plan-out plan.jsonl'],
      ['Carry it out', '$0 apply plan.jsonl'],
    ],
  });

  file = Option.String({ name: 'PLAN' });
  full = Option.Boolean('--full', false, { description: 'Tell every node, however many' });
  yes = Option.Boolean('-y,--yes', false, { description: 'Create however many nodes without a question' });
  confirmAbove = Option.String('--confirm-above', {
    description: 'Ask before more nodes than these are created (100)',
  });

  protected override async run(session: Session): Promise<number | undefined> {
    const [{ adoptPlan, readPlan, requireSameService, snapshotOf }, { connect }, { openForReading }] =
      await Promise.all([
        import('../operations/plan-file.ts'),
        import('../operations/connect.ts'),
        import('../operations/open.ts'),
      ]);
    const [{ printPlan }, { carryOut }] = await Promise.all([import('./restore-report.ts'), import('./carry-out.ts')]);
    const { printer, repositoryPath, surroundings, signal } = session;
    const { origin, steps } = await readPlan(resolve(this.context.directory, this.file));
    const { below, moves, persistEphemeral, source } = origin;
    await using opened = await openForReading(repositoryPath, surroundings);
    const snapshot = await snapshotOf(opened, origin, surroundings.trust);
    const { service: target } = await connect(origin.service, surroundings);
    await using service = target;
    requireSameService(origin, await service.identity());

    printer.note(`from ${origin.store} at ${origin.snapshot.slice(0, 10)} into ${source}`);
    const { decryptor } = surroundings;
    const request = { snapshot, service, below, moves, persistEphemeral, ...(decryptor && { decryptor }) };
    const plan = await adoptPlan(request, steps, { signal });
    const counts = printPlan(plan.steps, printer, { full: this.full });
    const { yes, confirmAbove } = this;
    const isWhole = await carryOut({ plan, counts, service, source, yes, confirmAbove }, session, this.context);
    return isWhole ? undefined : 3;
  }
}
