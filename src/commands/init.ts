import { Command } from 'clipanion';
import { initRepository } from '../operations/init.ts';
import { BaseCommand, type Session } from './base.ts';

export class InitCommand extends BaseCommand {
  static override paths = [['init']];

  static override usage = Command.Usage({
    category: 'Snapshots',
    description: 'start a repository of snapshots',
    details: `
      Makes a bare Git repository with a page that says how to read and restore it without treekeeper. \`backup\` does this
      by itself where the repository is missing.

      Exit status: 0 done; 1 there is something else at that path.
    `,
    examples: [['Start a repository beside the configuration', '$0 init --repo ./snapshots.git']],
  });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const { commit } = await initRepository(repositoryPath, undefined, surroundings.signer);
    printer.print({ type: 'repository', path: repositoryPath, commit }, `started ${repositoryPath}`);
  }
}
