import type { Flag, Verb } from '../report/manual.ts';

/** A command line that is still being typed, taken apart. */
export interface Typed {
  /** The word that is being typed; it may be empty. */
  readonly last: string;
  /** The verb, where it is complete. */
  readonly verb: Verb | undefined;
  /** Where it is not: those that it can still become, each with how many of their words are there. */
  readonly begun: readonly { readonly verb: Verb; readonly depth: number }[];
  /** The flag whose value is being typed: how help calls the value, and what of it is there. */
  readonly flag: { readonly value: string; readonly typed: string } | undefined;
  /** How many positionals come before the word. */
  readonly position: number;
  /** The values of the flags before it, by their long names. */
  readonly values: ReadonlyMap<string, string>;
}

/** Reads the words behind the name of the program as the verbs will; what does not fit is passed over. */
export function readTyped(words: readonly string[], verbs: readonly Verb[], shared: readonly Flag[]): Typed {
  const last = words.at(-1) ?? '';
  const values = new Map<string, string>();
  let begun = verbs.map((verb) => ({ verb, depth: 0 }));
  let verb: Verb | undefined;
  let position = 0;
  let waiting: Flag | undefined;
  let onlyPositionals = false;

  for (const word of words.slice(0, -1)) {
    if (waiting) {
      values.set(longName(waiting), word);
      waiting = undefined;
    } else if (word === '--') onlyPositionals = true;
    else if (word.startsWith('-') && !onlyPositionals) readFlag(word);
    else if (verb) position += 1;
    else readVerb(word);
  }

  const bound = /^(--[^=]+)=(.*)$/s.exec(last);
  const named = bound ? find(bound[1] ?? '') : undefined;
  const flag = waiting
    ? { value: waiting.value ?? '', typed: last }
    : named?.value === undefined
      ? undefined
      : { value: named.value, typed: bound?.[2] ?? '' };
  return { last, verb, begun, flag, position, values };

  function readVerb(word: string): void {
    const next = begun
      .filter(({ verb: { path }, depth }) => path[depth] === word)
      .map((candidate) => ({ ...candidate, depth: candidate.depth + 1 }));
    const whole = next.find((candidate) => candidate.depth === candidate.verb.path.length);
    if (next.length === 1 && whole) verb = whole.verb;
    begun = next;
  }

  function readFlag(word: string): void {
    const [, name = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const found = find(name);
    if (!found?.value) return;
    if (value !== undefined) values.set(longName(found), value);
    else if (!found.bound) waiting = found;
  }

  function find(name: string): Flag | undefined {
    return [...(verb?.flags ?? []), ...shared].find(({ names }) => names.includes(name));
  }
}

function longName({ names }: Flag): string {
  return names.at(-1) ?? '';
}

/** The words of a line as bash reads them, as far as quotes and backslashes go; an empty one at the end is one to be typed. */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? '';
    if (quote === "'" ? character === "'" : quote === '"' && character === '"') quote = '';
    else if (quote === '' && (character === "'" || character === '"')) [quote, word] = [character, word ?? ''];
    else if (character === '\\' && quote !== "'") word = (word ?? '') + (line[++at] ?? '');
    else if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  return [...words, word ?? ''];
}
