import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { inputFormats } from '../report/input/formats.ts';
import { formatKey, formatValue } from '../report/key.ts';
import { openKeyTree } from '../report/key-tree.ts';
import type { Printer } from '../report/printer.ts';
import type { Kind } from '../snapshot/layout.ts';
import { count } from '../snapshot/message.ts';
import type { Node } from '../snapshot/node.ts';
import { BaseCommand, type Session } from './base.ts';
import { openInputWriter } from './dump-input.ts';

/** What becomes of the nodes that are read. */
export interface DumpWriter {
  node(node: Node): void;
  /** Answers how many nodes could not be written. */
  finish(): number;
}

const formats = ['tree', 'list', 'json', ...Object.keys(inputFormats)];

function isInput(format: string): format is keyof typeof inputFormats {
  return Object.hasOwn(inputFormats, format);
}

export class DumpCommand extends BaseCommand {
  static override paths = [['dump']];

  static override usage = Command.Usage({
    category: 'Looking',
    description: 'print the live tree of a service, for debugging or for another program',
    details: `
      Prints the keys as a tree, with the sizes of their values; the values themselves only with --values, since they may be
      secret. Nodes that belong to running clients are shown with what holds them.

      With --format list one key is on a line, in the order in which they are read, and with --format json (or --json) one
      line of JSON. The other formats are input for the programs that services come with, and need --values. Such a program
      writes over what is there (zkCli does not), where \`treekeeper restore\` only creates. Nodes of running clients are left out.

      etcdctl: a shell script of \`etcdctl put\`, all in ASCII. It cannot say a key with a NUL in it.

      zkcli: commands for \`JVMFLAGS="-Djline.expandevents=false -Dfile.encoding=UTF-8" zkCli.sh -server HOST:PORT < FILE\`, ACLs
      included. zkCli has no escapes: it cannot be told keys or values that are not UTF-8, have a control character or both kinds
      of quotes in them, nor ACLs whose ids have a comma.

      consul: JSON for \`consul kv import -\`, flags included. It cannot say a key that is not UTF-8.

      What a format cannot express is left out and told with its reason on stderr. Keys are written as those of the program's own
      service, so that a tree can go from one kind of service to another.

      Exit status: 0 done; 3 some nodes could not be read, or the format cannot express them; 15 the service cannot be reached.
    `,
    examples: [
      ['What is in there?', '$0 dump etcd://127.0.0.1:2379'],
      ['With values, as lines of JSON', '$0 dump etcd://127.0.0.1:2379/app --values --json'],
      [
        'From one etcd to another with nothing but etcdctl',
        '$0 dump etcd://127.0.0.1:2379/app --values --format etcdctl > app.sh',
      ],
    ],
  });

  service = Option.String({ name: 'SERVICE' });
  values = Option.Boolean('--values', false, { description: 'Print the values too' });
  format = Option.String('--format', { description: `One of ${formats.join(', ')}` });
  include = Option.Array('--include', { description: 'Only keys that match this glob; may be repeated' });
  exclude = Option.Array('--exclude', { description: 'No keys that match this glob; may be repeated' });

  protected override readonly isLong = true;

  override execute(): Promise<number> {
    if (this.format === 'json') this.json = true;
    return super.execute();
  }

  protected override async run({ printer, surroundings, signal }: Session): Promise<number | undefined> {
    const [{ connect, overridePolicy }, { readService }] = await Promise.all([
      import('../operations/connect.ts'),
      import('../operations/read.ts'),
    ]);
    const format = this.chosenFormat();
    const source = await connect(this.service, surroundings);
    await using service = source.service;
    const policy = overridePolicy(source.policy, { include: this.include, exclude: this.exclude, ephemeral: 'record' });
    const writer = this.openWriter(format, service.traits.kind, printer);
    const result = await readService(
      service,
      policy,
      {
        node: writer.node,
        unreadable: ({ key, reason }) => {
          const text = `cannot be read: ${formatKey(key)} (${reason})`;
          if (isInput(format)) printer.warn(text);
          else printer.print({ type: 'unreadable', key, reason }, text);
        },
      },
      { signal },
    );
    const failures = writer.finish();
    printer.note(`${count(result.nodes)} nodes`);
    if (result.hidden !== undefined) printer.warn(`incomplete: ${result.hidden}`);
    return failures + result.unreadable.length > 0 || result.hidden !== undefined ? 3 : undefined;
  }

  private chosenFormat(): string {
    const format = this.format ?? (this.json ? 'json' : 'tree');
    if (!formats.includes(format)) {
      throw new TreekeeperError('usage', `--format ${format} is none that there is`, {
        hint: `the formats are: ${formats.join(', ')}`,
      });
    }
    if (this.json && format !== 'json') throw new TreekeeperError('usage', `--json and --format ${format} contradict`);
    if (isInput(format) && !this.values) {
      throw new TreekeeperError('usage', `--format ${format} has the values in it, which may be secret`, {
        hint: 'say that they are meant to be, with --values',
      });
    }
    return format;
  }

  private openWriter(format: string, kind: Kind, printer: Printer): DumpWriter {
    if (isInput(format)) return openInputWriter(inputFormats[format], kind, printer);
    if (format === 'tree') {
      const tree = openKeyTree();
      return {
        node: (node) => tree.add(node.key, this.describe(node)),
        finish() {
          for (const line of tree.lines()) printer.print({ type: 'line' }, line);
          return 0;
        },
      };
    }
    return {
      node: (node) => {
        const { key, value, attributes } = node;
        const report = { type: 'node', key, size: value?.length ?? null, attributes, ...(this.values && { value }) };
        printer.print(report, `${formatKey(key)}${this.describe(node)}`);
      },
      finish: () => 0,
    };
  }

  private describe({ value, attributes }: Node): string {
    const size = value === null ? 'no value' : `${count(value.length)} B`;
    const shown = this.values && value !== null ? ` = ${formatValue(value)}` : `  ${size}`;
    return `${shown}${attributes === undefined ? '' : `  ${JSON.stringify(attributes)}`}`;
  }
}
