import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import type { Appearance, Match } from '../operations/find.ts';
import { escapeText, formatKey } from '../report/key.ts';
import { readableText } from '../report/value.ts';
import { count } from '../snapshot/message.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import { depthFor, parseSnapshotArgument } from './arguments.ts';
import { BaseCommand, type Session } from './base.ts';

/** Characters of a line of a value that are shown. */
const longestLine = 120;

export class FindCommand extends BaseCommand {
  static override paths = [['find']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'find keys, and values, in a snapshot or through the history',
    details: `
      PATTERN is any part of a key. With one of \`*?[\` it is a glob over the whole key where it has a slash, else over the
      last segment; with -E a regular expression. With --values it is looked for in values too, as it stands or with -E.

      In the latest snapshot, or in SNAPSHOT, at and below KEY; of all stores, unless --store names one. With --history, the
      snapshots in which it appeared and vanished, newest first. Encrypted values are searched as far as a key opens them,
      and those that none opens are counted.

      Exit status: 0 done, whether or not something was found; 2 there is no such snapshot, or the expression is none.
    `,
    examples: [
      ['Keys', '$0 find database'],
      ['All keys with url in them below /app, as they were yesterday', "$0 find url 'yesterday:/app'"],
      ['Who still uses the old host?', '$0 find --values db1.example.org'],
      ['When did a string appear, and when did it vanish?', '$0 find --values --history db1.example.org'],
    ],
  });

  pattern = Option.String({ name: 'PATTERN' });
  snapshot = Option.String({ name: 'SNAPSHOT[:KEY]', required: false });
  store = Option.String('--store', { description: 'Only this store' });
  values = Option.Boolean('--values', false, { description: 'Look into values too' });
  history = Option.Boolean('--history', false, { description: 'When it appeared and vanished' });
  isRegExp = Option.Boolean('-E,--regexp', false, { description: 'PATTERN is a regular expression' });
  ignoreCase = Option.Boolean('-i,--ignore-case', false, { description: 'Capitals and small letters are the same' });

  protected override readonly isLong = true;

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ findInHistory, findInSnapshot }, { openForReading }, { compileMatcher }] = await Promise.all([
      import('../operations/find.ts'),
      import('../operations/open.ts'),
      import('../operations/match.ts'),
    ]);
    if (this.pattern === '') throw new TreekeeperError('usage', 'an empty pattern is in everything');
    const { revision, key: below } = parseSnapshotArgument(this.snapshot ?? 'latest');
    const matcher = await compileMatcher({
      text: this.pattern,
      isRegExp: this.isRegExp,
      ignoresCase: this.ignoreCase,
    });
    await using opened = await openForReading(repositoryPath, surroundings, this.history ? 'all' : depthFor(revision));
    const { decryptor } = surroundings;
    const request = { matcher, inValues: this.values, revision, store: this.store, below, decryptor };
    const searched = { stores: 0, unopened: 0 };

    let found = 0;
    const isLine = (line: string) => matcher.value(Buffer.from(line));
    const search = this.history ? findInHistory : findInSnapshot;
    const results: AsyncIterable<Match | Appearance> = search(opened, request, searched);
    for await (const match of results) {
      found += 1;
      const { store, key, where, value } = match;
      const event = 'moment' in match ? match : undefined;
      printer.print(
        {
          // With --history `what` and the snapshot tell of an event, else the node is one that has it now.
          type: event ? event.what : 'match',
          store,
          key,
          where,
          value,
          commit: event?.moment.oid,
          time: event && new Date(event.moment.commit.committer.time * 1000).toISOString(),
        },
        `${event ? eventText(event, printer.style.snapshot) : ''}${searched.stores > 1 ? `${store}:` : ''}${matchText(match, isLine)}`,
      );
    }
    printer.note(`found ${count(found)}`);
    if (searched.unopened > 0)
      printer.warn(`${count(searched.unopened)} encrypted values were not searched: no key at hand opens them`);
    if (printer.json) printer.print({ type: 'find', found, notSearched: searched.unopened }, undefined);
    return undefined;
  }
}

function eventText({ what, moment }: Appearance, paint: (text: string) => string): string {
  const time = formatTime(moment.commit.committer.time);
  return `${paint(shortOid(moment.oid))}  ${time}  ${what === 'appeared' ? '+' : '-'} `;
}

/** The key, and the first line of the value that matches. */
function matchText({ key, value }: Match, isLine: (line: string) => boolean): string {
  const name = formatKey(key);
  if (value === undefined) return name;
  const lines = readableText(value)?.split('\n');
  const line = lines?.find(isLine) ?? lines?.[0];
  if (line === undefined) return `${name}: (binary)`;
  return `${name}: ${escapeText(line.length > longestLine ? `${line.slice(0, longestLine)}…` : line)}`;
}
