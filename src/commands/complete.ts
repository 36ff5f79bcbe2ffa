import { Writable } from 'node:stream';
import { Option } from 'clipanion';
import type { Suggestion, Topic } from '../operations/suggest.ts';
import { formatKey, parseKey } from '../report/key.ts';
import type { Flag, Verb } from '../report/manual.ts';
import { BaseCommand, type Session } from './base.ts';
import { describeVerb, sharedFlags } from './describe.ts';
import { readTyped, splitLine, type Typed } from './typed.ts';

/** What can stand for a positional or the value of a flag, by the name that help has for it. */
const topics: { readonly [name: string]: readonly (Topic | 'key' | 'files')[] } = {
  SNAPSHOT: ['snapshot'],
  'SNAPSHOT:KEY': ['snapshot', 'key'],
  'SNAPSHOT[:KEY]': ['snapshot', 'key'],
  'A B KEY': ['snapshot', 'service', 'key'],
  KEY: ['key'],
  SERVICE: ['service'],
  STORE: ['store'],
  REMOTE: ['remote'],
  BRANCH: ['branch'],
  NAME: ['remote'],
  FILE: ['files'],
  PATH: ['files'],
  PLAN: ['files'],
  REPO: ['files'],
};

/**
 * What the completion scripts ask: `complete -- WORD...`, the last of which is still being typed. Prints `words` or `files`,
 * then a line for each word that fits: the whole word, a tab, a few words about it. Where anything is wrong it prints
 * nothing: a person who types has no use for errors. Not for people, so it is not in the help.
 */
export class CompleteCommand extends BaseCommand {
  static override paths = [['complete']];

  words = Option.Rest();
  /** Of bash: all that was typed, in place of words, and where it breaks words by itself. */
  line = Option.String('--line', { hidden: true });
  breaks = Option.String('--breaks', '', { hidden: true });

  /** What is to be completed from the repository and the configuration. */
  private open: { typed: Typed; name: string; word: string } | undefined;

  override async execute(): Promise<number> {
    const typed = await this.readTyped();
    const { flag, verb, begun, last, position } = typed;
    const { positionals = [] } = verb ?? {};
    const at = positionals[Math.min(position, positionals.length - 1)];
    const name = flag ? flag.value : position < positionals.length || at?.repeated ? at?.name : undefined;
    const isFlag = !flag && last.startsWith('-');
    if (!flag && !verb) this.answer(typed, nextWords(begun));
    else if (verb && isFlag) this.answer(typed, flagsOf(verb));
    else if (name?.includes('|')) this.answer(typed, name.split('|').map(plain));
    else if (topics[name ?? '']?.includes('files')) this.context.stdout.write('files\n');
    else if (name !== undefined && topics[name]) {
      this.open = { typed, name, word: flag ? flag.typed : last };
      this.repo = typed.values.get('--repo');
      this.config = typed.values.get('--config');
      const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
      this.context = { ...this.context, stderr: silence };
      await super.execute();
    }
    return 0;
  }

  protected override async run({ repositoryPath, surroundings }: Session): Promise<undefined> {
    if (!this.open) return undefined;
    const { typed, name, word } = this.open;
    const { suggest, suggestKeys } = await import('../operations/suggest.ts');
    const wanted = topics[name] ?? [];
    const [, revision = '', key] = /^((?:@\{[^}]*\}|[^:@]|@(?!\{))*):(.*)$/s.exec(word) ?? [];
    if (wanted.includes('key') && (key !== undefined || word.startsWith('/') || wanted.length === 1)) {
      const prefix = key === undefined ? '' : `${revision}:`;
      const begun = key ?? word;
      const directory = parseKey(begun.slice(0, begun.lastIndexOf('/') + 1));
      const steps = await suggestKeys(repositoryPath, revision || 'latest', typed.values.get('--store'), directory);
      const words = steps.map((step) => `${prefix}${formatKey(step.key)}${step.isOpen ? '/' : ''}`);
      this.answer(typed, words.map(plain));
      return undefined;
    }
    const found: Suggestion[] = [];
    for (const topic of wanted) {
      if (topic === 'key' || topic === 'files') continue;
      // One that cannot be told, as where there is no repository yet, is no reason to be silent about the others.
      found.push(...(await suggest(topic, repositoryPath, surroundings).catch(() => [])));
    }
    this.answer(typed, found);
    return undefined;
  }

  private async readTyped(): Promise<Typed> {
    const all = this.line === undefined ? this.words : splitLine(this.line).slice(1);
    const words = all[0] === 'help' && all.length > 1 ? all.slice(1) : all;
    const first = words.slice(0, -1).find((word) => !word.startsWith('-'));
    let classes = await this.context.loadVerbs(first);
    // It may be the value of a flag.
    if (classes.length === 0) classes = await this.context.loadVerbs();
    const verbs = classes.flatMap((verb) => describeVerb(verb) ?? []);
    return readTyped(words, verbs, sharedFlags());
  }

  /** Prints those of the words that begin with what was typed, from where the shell wants them on. */
  private answer({ last, flag }: Typed, words: readonly Suggestion[]): void {
    const before = flag ? last.slice(0, last.length - flag.typed.length) : '';
    const cut = Math.max(-1, ...[...this.breaks].map((character) => last.lastIndexOf(character))) + 1;
    const lines = words
      .map(({ text, about }) => ({ text: before + text, about }))
      .filter(({ text }) => text.startsWith(last) && !/[\n\t]/.test(text))
      .map(({ text, about }) => `${text.slice(cut)}\t${about}`);
    this.context.stdout.write(`${['words', ...lines].join('\n')}\n`);
  }
}

/** The words that lead on to a verb. */
function nextWords(verbs: Typed['begun']): Suggestion[] {
  const words = new Map<string, string>();
  for (const { verb, depth } of verbs) {
    const word = verb.path[depth];
    if (word === undefined) continue;
    words.set(word, words.has(word) || verb.path.length > depth + 1 ? verb.category : verb.summary);
  }
  return [...words].map(([text, about]) => ({ text, about }));
}

function flagsOf(verb: Verb): Suggestion[] {
  const flags = [...verb.flags, ...sharedFlags(), helpFlag];
  return flags.map(({ names, description }) => ({ text: names.at(-1) ?? '', about: description }));
}

const helpFlag: Flag = { names: ['--help'], value: undefined, bound: false, description: 'Tell about the verb' };

function plain(text: string): Suggestion {
  return { text, about: '' };
}
