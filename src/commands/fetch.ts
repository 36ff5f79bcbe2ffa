import { Command, Option } from 'clipanion';
import { countOf } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

export class FetchCommand extends BaseCommand {
  static override paths = [['fetch']];

  static override usage = Command.Usage({
    category: 'Remotes',
    description: 'fetch the snapshots of a remote',
    details: `
      Fetches the branch of a remote. Where the repository has no snapshot that the remote lacks, its branch follows; else
      it stays as it is, and the remote's snapshots are named REMOTE/BRANCH.

      Exit status: 0 done; 5 what is known of the remote is damaged; 14 the branch does not come from what was seen there last,
      or nobody who is trusted signed it. Nothing was taken then.
    `,
    examples: [
      ['What others backed up', '$0 fetch origin'],
      ['Look at it', '$0 ls origin/main'],
    ],
  });

  remote = Option.String({ name: 'REMOTE', required: false });
  branch = Option.String('--branch', { description: 'The branch (else the one that HEAD of the repository names)' });

  protected override async run({ printer, repositoryPath, surroundings, signal }: Session): Promise<undefined> {
    const [{ openRepository }, { findRemotes, describeRemote, onlyRemote }, { fetch }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/remotes.ts'),
      import('../operations/fetch.ts'),
    ]);
    const repository = await openRepository(repositoryPath, this.branch);
    const name = this.remote ?? (await onlyRemote(repository, surroundings));
    for (const known of await findRemotes(repository, [name], surroundings)) {
      const remote = known.open();
      const { tip, commits, followed, advice } = await fetch(repository, remote, signal);
      const theirs = `${remote.name}/${repository.branch.slice('refs/heads/'.length)}`;
      const place = followed ? '' : `; both have snapshots of their own: theirs are at ${theirs}`;
      printer.print(
        { type: 'fetch', remote: remote.name, commits, tip, followed },
        `fetched ${countOf(commits, 'commit')} from ${describeRemote(remote)}${place}`,
      );
      if (advice !== undefined) printer.warn(advice);
    }
    return undefined;
  }
}
