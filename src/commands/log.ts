import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { parseKey } from '../report/key.ts';
import { BaseCommand, type Session } from './base.ts';

export class LogCommand extends BaseCommand {
  static override paths = [['log']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'list the snapshots, or the history of one key',
    details: `
      Newest first, with what changed in each. With KEY, only the snapshots in which that node, or anything below it, is
      not what it was before.

      Exit status: 0 done; 2 there is no such store or key.
    `,
    examples: [
      ['All snapshots', '$0 log'],
      ['When a key changed', '$0 log /app/db/url'],
    ],
  });

  key = Option.String({ name: 'KEY', required: false });
  store = Option.String('--store', { description: 'Only this store' });
  most = Option.String('-n,--max-count', { description: 'At most so many' });

  protected override readonly isLong = true;

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ history }, { openForReading }] = await Promise.all([
      import('../operations/log.ts'),
      import('../operations/open.ts'),
    ]);
    const most = this.most === undefined ? Number.POSITIVE_INFINITY : Number(this.most);
    if (!(most >= 0)) throw new TreekeeperError('usage', `-n ${this.most} is not a number`);

    await using opened = await openForReading(repositoryPath, surroundings);
    const key = this.key === undefined ? undefined : parseKey(this.key);
    let left = most;
    for await (const { oid, time, store, subject, complete, change } of history(opened, this.store, key)) {
      if (left-- <= 0) break;
      const date = new Date(time * 1000).toISOString();
      const what = change === undefined ? subject : `${store}: ${change}`;
      const line = `${oid.slice(0, 10)}  ${date.replace('T', ' ').slice(0, 19)}Z  ${what}${complete ? '' : '  [incomplete]'}`;
      printer.print({ type: 'snapshot', commit: oid, time: date, store, subject, complete, change }, line);
    }
    return undefined;
  }
}
