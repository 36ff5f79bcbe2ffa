import { Command, type CommandClass } from 'clipanion';
import type { Flag, Positional, Verb } from '../report/manual.ts';
import { BaseCommand, type Context } from './base.ts';

/** What stands for the value of a flag in help, where it is not the name of the flag. */
const values: { readonly [flag: string]: string } = {
  '--config': 'FILE',
  '--key-file': 'FILE',
  '--passphrase-file': 'FILE',
  '--signer': 'FINGERPRINT',
  '--read-data': 'PERCENT',
  '--include': 'GLOB',
  '--exclude': 'GLOB',
  '--map': 'FROM=TO',
  '--plan-out': 'FILE',
  '--confirm-above': 'N',
  '--max-age': 'AGE',
  '--format': 'FORMAT',
  '--max-count': 'N',
  '--ephemeral': 'skip|record',
  '--at': 'SNAPSHOT',
  '--since': 'TIME',
  '--until': 'TIME',
  '--timeout': 'SECONDS',
  '--color': 'auto|always|never',
  '--kind': 'zookeeper|etcd|consul',
};

/** What a command class tells of itself, in the order in which it declares it. `undefined` for a hidden one. */
export function describeVerb(verb: CommandClass<Context>): Verb | undefined {
  if (!verb.usage) return undefined;
  const { category = '', description = '', details = '', examples = [] } = verb.usage;
  const paragraphs = paragraphsOf(details);
  const shared = verb.prototype instanceof BaseCommand ? new Set(sharedFlags().map(nameOf)) : new Set();
  const { flags, positionals } = declared(verb);
  return {
    path: verb.paths?.[0] ?? [],
    category,
    summary: description,
    paragraphs: paragraphs.filter((text) => !text.startsWith(exitStatus)),
    exits: exitsIn(paragraphs.find((text) => text.startsWith(exitStatus)) ?? ''),
    examples: examples.map(([label, line]) => [
      /\?$/.test(label) ? label : `${label}:`,
      line.replaceAll('$0', 'treekeeper'),
    ]),
    positionals,
    flags: flags.filter((flag) => !shared.has(nameOf(flag))),
  };
}

/** The flags that every verb has. */
export function sharedFlags(): readonly Flag[] {
  return declared(SharedFlags).flags;
}

class SharedFlags extends BaseCommand {
  protected override async run(): Promise<undefined> {}
}

/** The name of a flag that says most. */
function nameOf({ names }: Flag): string {
  return names.at(-1) ?? '';
}

const exitStatus = 'Exit status: ';

/** Paragraphs have an empty line between them; line ends within one mean nothing. */
function paragraphsOf(details: string): string[] {
  return details
    .trim()
    .split(/\n\s*\n/)
    .map((text) => text.replace(/\s+/g, ' ').trim())
    .filter((text) => text !== '');
}

/** `Exit status: 0 done; 3 some nodes could not be read.` */
function exitsIn(paragraph: string): [string, string][] {
  return [...paragraph.slice(exitStatus.length).matchAll(/(\d+) (.*?)(?:; (?=\d)|\.?$)/g)].map(
    ([, status = '', meaning = '']) => [status, meaning],
  );
}

/** What the options of a class declare to clipanion's builder, which itself forgets the name of a rest. */
function declared(verb: CommandClass<Context>): { flags: Flag[]; positionals: Positional[] } {
  const flags: Flag[] = [];
  const positionals: Positional[] = [];
  const builder = {
    addOption({ names, arity = 0, description = '', hidden = false, allowBinding = true }: Declaration) {
      if (hidden) return;
      const [long = ''] = names.slice(-1);
      const takesValue = arity > 0 || allowBinding;
      const value = takesValue ? (values[long] ?? long.replace(/^-+/, '').toUpperCase()) : undefined;
      flags.push({ names, value, bound: arity === 0, description });
    },
    addPositional({ name, required = true }: { name: string; required?: boolean }) {
      positionals.push({ name, required, repeated: false });
    },
    addRest({ name, required = 0 }: { name: string; required?: number }) {
      positionals.push({ name, required: required > 0, repeated: true });
    },
  };
  for (const [key, option] of Object.entries(new verb())) {
    if (isOption(option)) option.definition(builder, key);
  }
  return { flags, positionals };
}

interface Declaration {
  readonly names: string[];
  readonly arity?: number;
  readonly description?: string;
  readonly hidden?: boolean;
  readonly allowBinding?: boolean;
}

interface OptionSpec {
  definition(builder: object, key: string): void;
}

function isOption(option: unknown): option is OptionSpec {
  return typeof option === 'object' && option !== null && Command.isOption in option;
}
