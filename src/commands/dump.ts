import { Command, Option } from 'clipanion';
import { formatKey, formatValue } from '../report/key.ts';
import { count } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

export class DumpCommand extends BaseCommand {
  static override paths = [['dump']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'print the live tree of a service, for debugging',
    details: `
      Prints the keys with the sizes of their values; the values themselves only with --values, since they may be secret.
      Nodes that belong to running clients are shown and marked.

      Exit status: 0 done; 3 some nodes could not be read; 15 the service cannot be reached.
    `,
    examples: [
      ['What is in there?', '$0 dump etcd://127.0.0.1:2379'],
      ['With values, as lines of JSON', '$0 dump etcd://127.0.0.1:2379/app --values --json'],
    ],
  });

  service = Option.String({ name: 'SERVICE' });
  values = Option.Boolean('--values', false, { description: 'Print the values too' });
  include = Option.Array('--include', { description: 'Only keys that match this glob; may be repeated' });
  exclude = Option.Array('--exclude', { description: 'No keys that match this glob; may be repeated' });

  protected override readonly isLong = true;

  protected override async run({ printer, surroundings, signal }: Session): Promise<number | undefined> {
    const [{ connect, overridePolicy }, { readService }] = await Promise.all([
      import('../operations/connect.ts'),
      import('../operations/read.ts'),
    ]);
    const source = await connect(this.service, surroundings);
    await using service = source.service;
    const policy = overridePolicy(source.policy, { include: this.include, exclude: this.exclude, ephemeral: 'record' });
    const result = await readService(
      service,
      policy,
      {
        node: ({ key, value, attributes }) => {
          const size = value === null ? 'no value' : `${count(value.length)} B`;
          const shown = this.values && value !== null ? ` = ${formatValue(value)}` : `  ${size}`;
          const extra = attributes === undefined ? '' : `  ${JSON.stringify(attributes)}`;
          const report = { type: 'node', key, size: value?.length ?? null, attributes, ...(this.values && { value }) };
          printer.print(report, `${formatKey(key)}${shown}${extra}`);
        },
        unreadable: ({ key, reason }) =>
          printer.print({ type: 'unreadable', key, reason }, `cannot be read: ${formatKey(key)} (${reason})`),
      },
      { signal },
    );
    printer.note(`${count(result.nodes)} nodes`);
    if (result.hidden !== undefined) printer.warn(`incomplete: ${result.hidden}`);
    return result.unreadable.length > 0 || result.hidden !== undefined ? 3 : undefined;
  }
}
