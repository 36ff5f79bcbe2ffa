import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { parseKey } from '../report/key.ts';
import { timeArgument } from './arguments.ts';
import { BaseCommand, type Session } from './base.ts';

export class LogCommand extends BaseCommand {
  static override paths = [['log']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'list the snapshots, or the history of one key',
    details: `
      Newest first, with what changed in each. With KEY, only the snapshots in which that node, or anything below it, is
      not what it was before, with the value it had from then on, and the revision of the service.

      Times for --since and --until are as for snapshots: 2026-11-01, 'yesterday 14:00', '2 hours ago'.

      Exit status: 0 done; 2 there is no such store or key.
    `,
    examples: [
      ['All snapshots of the last day', "$0 log --since '1 day ago'"],
      ['Every value that a key has had', '$0 log /app/db/url'],
      ['What happened below a key, change by change', '$0 log -p /app/db'],
    ],
  });

  key = Option.String({ name: 'KEY', required: false });
  at = Option.String('--at', {
    description: 'The history of this revision: of a remote (origin/main), of an archive (else of the branch)',
  });
  store = Option.String('--store', { description: 'Only this store' });
  most = Option.String('-n,--max-count', { description: 'At most so many' });
  since = Option.String('--since', { description: 'Only snapshots from this time on' });
  until = Option.String('--until', { description: 'Only snapshots up to this time' });
  patch = Option.Boolean('-p,--patch', false, { description: 'With the changes themselves' });
  full = Option.Boolean('--full', false, { description: 'Cut nothing short' });

  protected override readonly isLong = true;

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ history }, { openForReading }] = await Promise.all([
      import('../operations/log.ts'),
      import('../operations/open.ts'),
    ]);
    const most = this.most === undefined ? Number.POSITIVE_INFINITY : Number(this.most);
    if (!(most >= 0)) throw new TreekeeperError('usage', `-n ${this.most} is not a number`);
    const key = this.key === undefined ? undefined : parseKey(this.key);
    const request = {
      at: this.at,
      store: this.store,
      key,
      since: timeArgument('--since', this.since)?.start,
      until: timeArgument('--until', this.until)?.end,
    };

    await using opened = await openForReading(repositoryPath, surroundings);
    const { printEntry } = await import('./log-entry.ts');
    const form = { key, patch: this.patch, full: this.full };
    let left = most;
    for await (const entry of history(opened, request)) {
      if (left-- <= 0) break;
      await printEntry(entry, opened, printer, form, surroundings.decryptor);
    }
    return undefined;
  }
}
