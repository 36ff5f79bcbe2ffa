import { Command, Option } from 'clipanion';
import { exitCodes } from '../errors.ts';
import { countOf } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

const category = 'Remotes';

export class RemoteAddCommand extends BaseCommand {
  static override paths = [['remote', 'add']];

  static override usage = Command.Usage({
    category,
    description: 'name a Git repository that snapshots can be pushed to',
    details: `
      URL is https://, ssh:// or user@host:path, git://, or a directory. It holds no password: HTTPS takes one from git's
      credential helpers, from TREEKEEPER_GIT_TOKEN, or from tokenFile or tokenEnv of the remote in treekeeper.yaml.
    `,
    examples: [['A Git host', '$0 remote add origin ssh://git@git.example.org/ops/config.git']],
  });

  name = Option.String({ name: 'NAME' });
  url = Option.String({ name: 'URL' });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const { openForBackup } = await import('../operations/open.ts');
    const { addRemoteAt } = await import('../operations/remotes.ts');
    const { repository, created } = await openForBackup(repositoryPath, undefined, false, surroundings);
    if (created) printer.note(`made the repository ${repositoryPath}`);
    const url = await addRemoteAt(repository, this.name, this.url, surroundings);
    printer.print({ type: 'remote', remote: this.name, url }, `added ${this.name} (${url})`);
    return undefined;
  }
}

export class RemoteRemoveCommand extends BaseCommand {
  static override paths = [['remote', 'remove']];

  static override usage = Command.Usage({
    category,
    description: 'forget a remote',
    details: 'Nothing is changed at the remote itself.',
  });

  name = Option.String({ name: 'NAME' });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const { openRepository } = await import('../operations/open.ts');
    const { removeRemoteAt } = await import('../operations/remotes.ts');
    await removeRemoteAt(await openRepository(repositoryPath), this.name, surroundings);
    printer.print({ type: 'removed', remote: this.name }, `removed ${this.name}`);
    return undefined;
  }
}

export class RemoteListCommand extends BaseCommand {
  static override paths = [['remote', 'list'], ['remote']];

  static override usage = Command.Usage({
    category,
    description: 'list the remotes, and how many snapshots each of them lacks',
    details: 'Nobody is asked: what a remote has is what it had when it was last heard of.',
  });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<number | undefined> {
    const { openRepository } = await import('../operations/open.ts');
    const { describeRemote, listRemotes, remoteFailure } = await import('../operations/remotes.ts');
    const { countUnpushed } = await import('../operations/push.ts');
    const repository = await openRepository(repositoryPath);
    let status: number | undefined;
    for (const { name, push, open } of await listRemotes(repository, surroundings)) {
      const always = push ? ', pushed to by every backup' : '';
      try {
        const remote = open();
        const unpushed = await countUnpushed(repository, remote);
        const state = unpushed === 0 ? 'has everything' : `lacks ${countOf(unpushed, 'commit')}`;
        printer.print(
          { type: 'remote', remote: name, url: remote.url.text, push, unpushed },
          `${describeRemote(remote)}: ${state}${always}`,
        );
      } catch (thrown) {
        printer.fail(remoteFailure('usage', name, thrown));
        status = exitCodes.usage;
      }
    }
    return status;
  }
}

export class RemoteTestCommand extends BaseCommand {
  static override paths = [['remote', 'test']];

  static override usage = Command.Usage({
    category,
    description: 'tell whether remotes can be reached and pushed to',
    details: `
      Asks each remote that is named, or all of them, for its branches, and whether a push would be taken. Nothing is
      changed there.

      Exit status: 0 all of them can be pushed to; 6 some cannot.
    `,
  });

  names = Option.Rest({ name: 'REMOTE' });

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const { openRepository } = await import('../operations/open.ts');
    const { describeRemote, findRemotes, listRemotes, remoteFailure, tryRemote } = await import(
      '../operations/remotes.ts'
    );
    const repository = await openRepository(repositoryPath);
    const remotes =
      this.names.length > 0
        ? await findRemotes(repository, this.names, surroundings)
        : await listRemotes(repository, surroundings);
    let status: number | undefined;
    for (const { name, open } of remotes) {
      try {
        const remote = open();
        const { branches, milliseconds, tried } = await tryRemote(repository, remote, signal);
        printer.print(
          { type: 'remote', remote: name, ok: true, branches, milliseconds },
          `${describeRemote(remote)} can be ${tried ? 'pushed to' : 'reached; there is no snapshot yet to try a push with'} ` +
            `(${countOf(branches, 'branch', 'branches')}, ${milliseconds} ms)`,
        );
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        printer.print({ type: 'remote', remote: name, ok: false }, undefined);
        printer.fail(remoteFailure('push', name, thrown));
        status = exitCodes.push;
      }
    }
    return status;
  }
}
