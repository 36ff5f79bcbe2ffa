import { Command, Option } from 'clipanion';
import { exitCodes } from '../errors.ts';
import { BaseCommand, type Session } from './base.ts';

export class PushCommand extends BaseCommand {
  static override paths = [['push']];

  static override usage = Command.Usage({
    category: 'Remotes',
    description: 'push the snapshots to remotes',
    details: `
      Pushes the branch to the remotes that are named, or to all of them. What others put on that branch stays, and the
      snapshots that are missing come on top; nothing is ever forced. Each remote is done for itself: one that fails does
      not stop the others, and the next push brings what it lacks.

      Exit status: 0 every remote has everything; 6 some remote could not be pushed to, and the snapshots are safe here.
    `,
    examples: [
      ['To all remotes', '$0 push'],
      ['To one', '$0 push origin'],
    ],
  });

  remotes = Option.Rest({ name: 'REMOTE' });
  branch = Option.String('--branch', { description: 'The branch (else the one that HEAD of the repository names)' });

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const [{ openForCommits }, { findRemotes, listRemotes, someRemote }, { pushAll }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/remotes.ts'),
      import('./push-report.ts'),
    ]);
    const repository = await openForCommits(repositoryPath, this.branch, surroundings);
    const remotes =
      this.remotes.length > 0
        ? await findRemotes(repository, this.remotes, surroundings)
        : someRemote(await listRemotes(repository, surroundings));
    return (await pushAll(repository, remotes, printer, signal)) ? undefined : exitCodes.push;
  }
}
