import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { formatKey, parseKey } from '../report/key.ts';
import { decodeTrailers } from '../snapshot/message.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import { BaseCommand, type Session } from './base.ts';

export class BlameCommand extends BaseCommand {
  static override paths = [['blame']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'tell for every node the snapshot that last changed it',
    details: `
      For the node at KEY and every one below it (for all without KEY), the snapshot in which it became what it is.

      Exit status: 0 done; 2 there is no such snapshot, store or key.
    `,
    examples: [
      ['Since when is each setting of a service what it is?', '$0 blame /app/db'],
      ['As it was at a tag', '$0 blame /app --at before-upgrade'],
    ],
  });

  key = Option.String({ name: 'KEY', required: false });
  at = Option.String('--at', 'latest', { description: 'The snapshot that is looked at (latest)' });
  store = Option.String('--store', { description: 'The store, where the repository has several' });

  protected override readonly isLong = true;

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ blame }, { openForReading }] = await Promise.all([
      import('../operations/blame.ts'),
      import('../operations/open.ts'),
    ]);
    await using opened = await openForReading(repositoryPath, surroundings);
    const key = this.key === undefined ? undefined : parseKey(this.key);
    const blamed = await blame(opened, { key, revision: this.at, store: this.store });
    if (blamed.length === 0 && key) {
      throw new TreekeeperError('usage', `there is nothing at ${formatKey(key)} in ${this.at}`, {
        hint: `\`treekeeper log ${this.key}\` tells whether there ever was`,
      });
    }
    for (const { entry, moment } of blamed) {
      const { oid, commit, store } = moment;
      const time = commit.committer.time;
      printer.print(
        {
          type: 'node',
          key: entry.key,
          commit: oid,
          time: new Date(time * 1000).toISOString(),
          store,
          revision: decodeTrailers(commit.message).get('Revision'),
        },
        `${printer.style.snapshot(shortOid(oid))}  ${formatTime(time)}  ${formatKey(entry.key)}`,
      );
    }
    return undefined;
  }
}
