import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { changeLine, parseKey } from '../report/key.ts';
import { countRate } from '../report/rate.ts';
import { kindOf } from '../snapshot/diff.ts';
import { count } from '../snapshot/message.ts';
import { isKeyBelow } from '../snapshot/paths.ts';
import { BaseCommand, type Session } from './base.ts';

export class DiffCommand extends BaseCommand {
  static override paths = [['diff']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'compare two snapshots, or a snapshot with a live service, key by key',
    details: `
      Without arguments, what the latest snapshot changed. With A, what changed from A to the latest. With A and B, from A
      to B, where B may be a service: what has drifted since. An argument that begins with a slash is a KEY: only nodes at
      and below it.

      Exit status: 0 done; 2 there is no such snapshot; 4 there are differences (with --exit-code); 15 the service cannot
      be reached.
    `,
    examples: [
      ['What did the latest snapshot change?', '$0 diff'],
      ['What drifted since the latest snapshot?', '$0 diff latest etcd://127.0.0.1:2379 --exit-code'],
      ['One subtree between two commits', '$0 diff main~10 main /app/db'],
    ],
  });

  names = Option.Rest({ name: 'A B KEY' });
  store = Option.String('--store', { description: 'The store, where the repository has several' });
  key = Option.String('--key', { description: 'Only nodes at and below this key' });
  stat = Option.Boolean('--stat', false, { description: 'Only the counts' });
  nameOnly = Option.Boolean('--name-only', false, { description: 'Only the keys' });
  exitCode = Option.Boolean('--exit-code', false, { description: 'Exit with 4 where there are differences' });

  protected override readonly isLong = true;

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const [{ compare, sideReader }, { openForReading }, { describeChange }] = await Promise.all([
      import('../operations/diff.ts'),
      import('../operations/open.ts'),
      import('../report/change.ts'),
    ]);
    const { before, after, key } = this.sides();
    await using opened = await openForReading(repositoryPath, surroundings);
    const request = { before, after, store: this.store };
    const comparison = await compare(opened, request, surroundings, {
      signal,
      onProgress: countRate(`reading ${after}`, printer.progress),
    });
    const changes = key ? comparison.changes.filter((change) => isKeyBelow(change.key, key)) : comparison.changes;

    const [readBefore, readAfter] = [
      sideReader(comparison.before, surroundings.decryptor),
      sideReader(comparison.after, surroundings.decryptor),
    ];
    for (const change of this.stat ? [] : changes) {
      const line = changeLine(change);
      if (this.nameOnly) {
        printer.print({ type: 'change', change: kindOf(change), key: change.key }, line);
        continue;
      }
      const was = change.before && (await readBefore(change.before));
      const is = change.after && (await readAfter(change.after));
      const lines = describeChange(was, is).map((text) => `    ${text}`);
      printer.print(
        { type: 'change', change: kindOf(change), key: change.key, before: was, after: is },
        [line, ...lines].join('\n'),
      );
    }

    const counts = { added: 0, changed: 0, removed: 0 };
    for (const change of changes) counts[kindOf(change)] += 1;
    const summary = `${count(counts.added)} added, ${count(counts.changed)} changed, ${count(counts.removed)} removed`;
    printer.print({ type: 'diff', ...counts }, this.nameOnly ? undefined : summary);
    return this.exitCode && changes.length > 0 ? 4 : undefined;
  }

  private sides(): { before: string; after: string; key: Uint8Array | undefined } {
    const [last] = this.names.slice(-1);
    const isKey = last?.startsWith('/') || this.names.length === 3;
    if (this.names.length > 3 || (isKey && this.key !== undefined)) {
      throw new TreekeeperError('usage', 'diff takes two snapshots and one key at most', {
        hint: '`treekeeper diff --help` tells more',
      });
    }
    const [before = 'latest~1', after = 'latest'] = isKey ? this.names.slice(0, -1) : this.names;
    const key = isKey ? last : this.key;
    return { before, after, key: key === undefined ? undefined : parseKey(key) };
  }
}
