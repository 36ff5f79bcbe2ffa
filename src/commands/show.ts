import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { formatKey } from '../report/key.ts';
import { depthFor, parseSnapshotArgument } from './arguments.ts';
import { BaseCommand, type Session } from './base.ts';

export class ShowCommand extends BaseCommand {
  static override paths = [['show']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'write the value of one key in a snapshot to stdout, byte for byte',
    details: `
      Exit status: 0 done; 1 the node has no value; 2 there is no such snapshot or key; 5 the value is damaged.
    `,
    examples: [
      ['A value as it was before the latest snapshot', '$0 show latest~1:/app/db/url'],
      ['A value on a day', "$0 show '@{2026-11-01}:/app/db/url'"],
    ],
  });

  snapshot = Option.String({ name: 'SNAPSHOT:KEY' });
  store = Option.String('--store', { description: 'The store, where the repository has several' });

  protected override readonly isLong = true;

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ locate }, { openForReading }, { openContents }, { findNode }, { keysHint }] = await Promise.all([
      import('../operations/revision.ts'),
      import('../operations/open.ts'),
      import('../operations/contents.ts'),
      import('../snapshot/walk.ts'),
      import('./require-nodes.ts'),
    ]);
    const { revision, key } = parseSnapshotArgument(this.snapshot);
    if (!key)
      throw new TreekeeperError('usage', `${this.snapshot} names no key`, {
        hint: 'write SNAPSHOT:KEY, as latest:/app/db/url',
      });

    await using opened = await openForReading(repositoryPath, surroundings, depthFor(revision));
    const { snapshot } = await locate(opened.reader, opened.repository, revision, this.store);
    const { entry } = await findNode(snapshot, key);
    if (!entry) {
      throw new TreekeeperError('usage', `there is no ${formatKey(key)} in ${revision} of ${snapshot.store}`, {
        hint: keysHint(snapshot, revision),
      });
    }

    const contents = openContents(snapshot, surroundings.decryptor);
    const [value, attributes] = [await contents.value(entry), await contents.attributes(entry)];
    if (this.json) printer.print({ type: 'node', key, value, attributes }, undefined);
    else if (value === null) throw new TreekeeperError('failed', `${formatKey(key)} is a node without a value`);
    else printer.raw(value);
    return undefined;
  }
}
