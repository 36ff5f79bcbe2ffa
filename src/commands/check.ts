import { Command } from 'clipanion';
import { countRate } from '../report/rate.ts';
import { count } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

export class CheckCommand extends BaseCommand {
  static override paths = [['check']];

  static override usage = Command.Usage({
    category: 'Upkeep',
    description: 'read everything in the repository and tell what is damaged',
    details: `
      Every name, manifest, attributes file and value of the present snapshots is read and proven; git checks the objects of
      the whole history.

      Exit status: 0 all is well; 5 something is damaged.
    `,
    examples: [['Check the repository', '$0 check --repo ./snapshots.git']],
  });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<number | undefined> {
    const [{ check }, { openForReading }] = await Promise.all([
      import('../operations/check.ts'),
      import('../operations/open.ts'),
    ]);
    await using opened = await openForReading(repositoryPath, surroundings);
    const { stores, findings, fsck } = await check(opened, countRate('checking', printer.progress));

    for (const { store, problem } of findings) {
      printer.print(
        { type: 'finding', store, problem },
        `damaged: ${store === undefined ? '' : `${store}: `}${problem}`,
      );
    }
    for (const { store, nodes } of stores) {
      const sound = findings.every((finding) => finding.store !== store);
      printer.print(
        { type: 'store', store, nodes, sound },
        sound ? `${store}: ${count(nodes)} nodes, all sound` : undefined,
      );
    }
    if (!fsck) printer.warn('there is no git binary here, so only the present snapshots were checked');
    return findings.length > 0 ? 5 : undefined;
  }
}
