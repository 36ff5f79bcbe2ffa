import { resolve } from 'node:path';
import { Command, Option } from 'clipanion';
import { BaseCommand, type Session } from './base.ts';

export class CloneCommand extends BaseCommand {
  static override paths = [['clone']];

  static override usage = Command.Usage({
    category: 'Remotes',
    description: 'copy the snapshots of a remote into a new repository',
    details: `
      Makes a bare repository with the remote's branch, and the remote under the name origin. Without PATH it is where the
      other verbs look for it: --repo, TREEKEEPER_REPO, the configuration, ./snapshots.git.
    `,
    examples: [['On the machine that is to take over', '$0 clone ssh://git@git.example.org/ops/config.git']],
  });

  url = Option.String({ name: 'URL' });
  target = Option.String({ name: 'PATH', required: false });
  branch = Option.String('--branch', { description: 'The branch (else the one that the remote calls its HEAD)' });

  protected override async run({ printer, repositoryPath, surroundings, signal }: Session): Promise<undefined> {
    const [{ remoteAt, describeRemote }, { clone }] = await Promise.all([
      import('../operations/remotes.ts'),
      import('../operations/fetch.ts'),
    ]);
    const path = this.target === undefined ? repositoryPath : resolve(this.context.directory, this.target);
    const remote = remoteAt(this.url, surroundings);
    const { repository, tip } = await clone(remote, path, this.branch, signal);
    const branch = repository.branch.slice('refs/heads/'.length);
    printer.print({ type: 'clone', path, branch, tip }, `cloned ${branch} of ${describeRemote(remote)} into ${path}`);
    return undefined;
  }
}
