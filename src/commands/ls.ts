import { Command, Option } from 'clipanion';
import { formatKey } from '../report/key.ts';
import type { Entry } from '../snapshot/walk.ts';
import { depthFor, parseSnapshotArgument } from './arguments.ts';
import { BaseCommand, type Session } from './base.ts';

/** Values that are read at once. */
const atOnce = 64;

export class LsCommand extends BaseCommand {
  static override paths = [['ls']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'list the keys in a snapshot',
    details: `
      Lists every key, parents first. With \`:KEY\` only what is at and below that key.

      Exit status: 0 done; 2 there is no such snapshot, store or key.
    `,
    examples: [
      ['All keys of the latest snapshot', '$0 ls'],
      ['What was below /app two snapshots ago, with sizes', '$0 ls latest~2:/app --long'],
    ],
  });

  snapshot = Option.String({ name: 'SNAPSHOT[:KEY]', required: false });
  store = Option.String('--store', { description: 'The store, where the repository has several' });
  long = Option.Boolean('-l,--long', false, { description: 'With the size of each value and the attributes' });

  protected override readonly isLong = true;

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ locate }, { openForReading }, { openContents }, { inOrder }, { requireNodes }, { walkSnapshot }] =
      await Promise.all([
        import('../operations/revision.ts'),
        import('../operations/open.ts'),
        import('../operations/contents.ts'),
        import('../operations/in-order.ts'),
        import('./require-nodes.ts'),
        import('../snapshot/walk.ts'),
      ]);
    const { revision, key: below } = parseSnapshotArgument(this.snapshot ?? 'latest');
    await using opened = await openForReading(repositoryPath, surroundings, depthFor(revision));
    const { snapshot } = await locate(opened.reader, opened.repository, revision, this.store);
    if (below) await requireNodes(snapshot, below, revision);

    if (!this.long) {
      await walkSnapshot(snapshot, ({ key }) => printer.print({ type: 'node', key }, formatKey(key)), below);
      return undefined;
    }

    const entries: Entry[] = [];
    await walkSnapshot(snapshot, (entry) => entries.push(entry), below);
    const contents = openContents(snapshot);
    const facts = inOrder(
      entries,
      async (entry) => {
        const { key, value } = entry;
        const encrypted = value?.encrypted ?? false;
        const size = value && !encrypted ? (await contents.value(entry))?.length : undefined;
        return { key, value, encrypted, size, attributes: await contents.attributes(entry) };
      },
      atOnce,
    );
    for await (const { key, value, encrypted, size, attributes } of facts) {
      const width = encrypted ? 'encrypted' : value === null ? 'no value' : `${size} B`;
      const extra = attributes === undefined ? '' : `  ${JSON.stringify(attributes)}`;
      printer.print(
        { type: 'node', key, size: size ?? null, encrypted, attributes },
        `${width.padStart(10)}  ${formatKey(key)}${extra}`,
      );
    }
    return undefined;
  }
}
