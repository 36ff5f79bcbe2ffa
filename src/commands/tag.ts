import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import type { Tag } from '../operations/tag.ts';
import { escapeText } from '../report/key.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import { BaseCommand, type Session } from './base.ts';

export class TagCommand extends BaseCommand {
  static override paths = [['tag']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'give a name to a snapshot, or list the names',
    details: `
      With NAME, names the latest snapshot, or SNAPSHOT. Without, lists the names there are. A tag is Git's: every verb takes
      it for a snapshot, and so does git.

      Exit status: 0 done; 2 the name cannot be one or is taken, or there is no such snapshot or tag; 10 there is no
      repository.
    `,
    examples: [
      ['Before something that may go wrong', '$0 tag before-upgrade'],
      ['A name for what was there yesterday', "$0 tag last-good 'yesterday 14:00'"],
      ['All names', '$0 tag'],
    ],
  });

  name = Option.String({ name: 'NAME', required: false });
  snapshot = Option.String({ name: 'SNAPSHOT', required: false });
  store = Option.String('--store', { description: 'The store whose snapshots are counted, as in latest~2' });
  delete = Option.Boolean('-d,--delete', false, { description: 'Take the name away; the snapshot stays' });

  protected override readonly isLong = true;

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ createTag, deleteTag, listTags }, { openForReading }] = await Promise.all([
      import('../operations/tag.ts'),
      import('../operations/open.ts'),
    ]);
    if (this.delete && (this.name === undefined || this.snapshot !== undefined)) {
      throw new TreekeeperError('usage', '--delete takes one name', {
        hint: '`treekeeper tag` lists the names there are',
      });
    }
    await using opened = await openForReading(repositoryPath, surroundings);
    if (this.name === undefined) {
      for (const { name, moment } of await listTags(opened)) {
        const [time, [subject = '']] = [moment.commit.committer.time, moment.commit.message.split('\n', 1)];
        printer.print(
          { type: 'tag', name, commit: moment.oid, time: new Date(time * 1000).toISOString(), subject },
          `${printer.style.snapshot(shortOid(moment.oid))}  ${formatTime(time)}  ${escapeText(name)}  ${printer.style.faint(escapeText(subject))}`,
        );
      }
      return undefined;
    }

    const print = (what: 'created' | 'unchanged' | 'deleted', { name, moment }: Tag) =>
      printer.print({ type: 'tag', what, name, commit: moment.oid }, `${what} ${name}, at ${shortOid(moment.oid)}`);
    if (this.delete) print('deleted', await deleteTag(opened, this.name));
    else {
      const tag = await createTag(opened, this.name, this.snapshot ?? 'latest', this.store);
      print(tag.isNew ? 'created' : 'unchanged', tag);
    }
    return undefined;
  }
}
