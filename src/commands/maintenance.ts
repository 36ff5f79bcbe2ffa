import { Command, Option } from 'clipanion';
import { count, countOf } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

export class MaintenanceCommand extends BaseCommand {
  static override paths = [['maintenance']];

  static override usage = Command.Usage({
    category: 'Upkeep',
    description: 'pack the repository anew, and drop what nothing refers to',
    details: `
      A repository of thousands of snapshots has many small packs, which makes reading slow and large. \`backup\` joins them
      from time to time by itself; this does it thoroughly, and drops what nothing has referred to
      for long: 30 days after a branch or archive was left, two weeks after a run was killed. --prune drops it at once; no
      other run may be at work on the repository then, not even a push.
    `,
    examples: [
      ['Once a month', '$0 maintenance'],
      ['After an archive was dropped, to have its space back', '$0 maintenance --prune'],
    ],
  });

  prune = Option.Boolean('--prune', false, { description: 'Drop at once what nothing refers to' });

  protected override async run({ printer, repositoryPath }: Session): Promise<undefined> {
    const [{ openRepository }, { maintain }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/maintain.ts'),
    ]);
    printer.progress('packing the repository');
    const { before, after } = await maintain(await openRepository(repositoryPath), { prune: this.prune });
    const text = `${countOf(before.packs, 'pack')} of ${kib(before.bytes)} KiB became ${count(after.packs)} of ${kib(after.bytes)} KiB`;
    printer.print({ type: 'maintenance', before, after }, text);
    return undefined;
  }
}

function kib(bytes: number): string {
  return count(Math.ceil(bytes / 1024));
}
