import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import type { Compared, Comparison } from '../operations/diff.ts';
import { parseKey } from '../report/key.ts';
import { countRate } from '../report/rate.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import { BaseCommand, type Session } from './base.ts';
import { summaryLine } from './changes.ts';

export class DiffCommand extends BaseCommand {
  static override paths = [['diff']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'compare snapshots, stores or live services, key by key',
    details: `
      Without arguments, or with a store, what its latest snapshot changed. With A, what changed from A to the latest. With
      A and B, from A to B. Each is a snapshot, a store of the repository (its latest snapshot), or a live service: its URL, or its name in
      the configuration. Where a name is both, it is the service, and NAME~0 the snapshot. An argument that begins with a
      slash is a KEY: only nodes at and below it. Stores with different roots are compared by what comes after the roots.

      Text is compared line by line, JSON by path, YAML by path where it was only sorted or indented anew; of binary
      values the sizes are told. Text output stops at 1,000 changes, 400 lines each, and says so; --full does not.

      Exit status: 0 done; 2 there is no such snapshot; 4 there are differences (with --exit-code); 15 the service cannot
      be reached.
    `,
    examples: [
      ['What did the latest snapshot change?', '$0 diff'],
      ['What drifted since the latest snapshot?', '$0 diff latest etcd://127.0.0.1:2379 --exit-code'],
      ['One subtree between yesterday and now', "$0 diff '@{yesterday 14:00}' latest /app/db"],
      ['Two stores, or two live services', '$0 diff zk-us zk-eu --stat'],
    ],
  });

  names = Option.Rest({ name: 'A B KEY' });
  store = Option.String('--store', { description: 'The store, where the repository has several' });
  key = Option.String('--key', { description: 'Only nodes at and below this key' });
  stat = Option.Boolean('--stat', false, { description: 'How much of each value changed' });
  shortStat = Option.Boolean('--shortstat', false, { description: 'Only the counts' });
  nameOnly = Option.Boolean('--name-only', false, { description: 'Only the keys' });
  byLine = Option.Boolean('--by-line', false, { description: 'Compare JSON and YAML line by line too' });
  full = Option.Boolean('--full', false, { description: 'Cut nothing short' });
  exitCode = Option.Boolean('--exit-code', false, { description: 'Exit with 4 where there are differences' });

  protected override readonly isLong = true;

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const [{ compare }, { openForReading }, { printChanges }] = await Promise.all([
      import('../operations/diff.ts'),
      import('../operations/open.ts'),
      import('./changes.ts'),
    ]);
    const request = this.request();
    await using opened = await openForReading(repositoryPath, surroundings);
    const comparison = await compare(opened, request, surroundings, {
      signal,
      onProgress: countRate('reading', printer.progress),
    });
    printer.note(`${nameOf(comparison.before)} → ${nameOf(comparison.after)}`);

    const detail = this.shortStat ? 'none' : this.nameOnly ? 'keys' : this.stat ? 'stat' : 'values';
    const form = { detail, full: this.full, byLine: this.byLine, indent: '' } as const;
    const counts = await printChanges(comparison, printer, form, surroundings.decryptor);
    // The last line of JSON: what was compared, and how many nodes differ.
    printer.print(
      { type: 'diff', from: described(comparison.before), to: described(comparison.after), ...counts },
      this.nameOnly ? undefined : summaryLine(counts),
    );
    return this.exitCode && comparison.changes.length > 0 ? 4 : undefined;
  }

  private request() {
    const [last] = this.names.slice(-1);
    const isKey = last?.startsWith('/') || this.names.length === 3;
    if (this.names.length > 3 || (isKey && this.key !== undefined)) {
      throw new TreekeeperError('usage', 'diff takes two snapshots and one key at most', {
        hint: '`treekeeper diff --help` tells more',
      });
    }
    const [before, after] = isKey ? this.names.slice(0, -1) : this.names;
    const key = isKey ? last : this.key;
    return { before, after, store: this.store, key: key === undefined ? undefined : parseKey(key) };
  }
}

function nameOf(compared: Comparison['before']): string {
  if (!compared) return 'nothing';
  const { snapshot, moment, source } = compared;
  if (source !== undefined) return `${source} (live)`;
  return moment
    ? `${snapshot.store} at ${shortOid(moment.oid)} (${formatTime(moment.commit.committer.time)})`
    : snapshot.store;
}

function described(compared: Compared | undefined) {
  if (!compared) return null;
  const { snapshot, moment, source } = compared;
  return {
    store: snapshot.store,
    root: snapshot.manifest.root,
    commit: moment?.oid,
    time: moment && new Date(moment.commit.committer.time * 1000).toISOString(),
    service: source,
  };
}
