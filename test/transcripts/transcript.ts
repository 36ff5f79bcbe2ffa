import { readFileSync } from 'node:fs';

/** A command of a transcript, with what it prints on both streams and how it ends. */
export interface Step {
  readonly command: string;
  readonly output: string;
}

/**
 * Reads a page: lines that begin with `#` are for people, `$ ` begins a command, what follows is its output, and a last line
 * `[exit N]` its status where that is not 0. `@ README.md N` stands for the N-th session there.
 */
export function readTranscript(page: string): Step[] {
  const text = page
    .split('\n')
    .filter((line) => !line.startsWith('# ') && line !== '')
    .map((line) => line.replace(/^@ README\.md (\d+)$/, (_, number) => readmeSession(Number(number)).trimEnd()))
    .join('\n');
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = '', ...output] = step.trimEnd().split('\n');
      return { command, output: output.map((line) => `${line}\n`).join('') };
    });
}

function readmeSession(number: number): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const sessions = [...readme.matchAll(/^```\n(\$ [\s\S]*?)^```$/gm)].map(([, session]) => session);
  const session = sessions[number - 1];
  if (session === undefined) throw new Error(`README.md has no session ${number}`);
  return session;
}

/**
 * Makes what differs from run to run the same: ids are numbered in the order in which they come, and times and lengths of time
 * are called so. For what is expected and for what came alike, each with a function of its own.
 */
export function normalizer(replacements: readonly (readonly [string, string])[]): (text: string) => string {
  const numbers = new Map<string, number>();
  return (text) => {
    const plain = replacements.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
    return plain
      .replace(/\b(?=[0-9a-f]*\d)([0-9a-f]{10})(?:[0-9a-f]{30})?\b/g, (_, id: string) => {
        numbers.set(id, numbers.get(id) ?? numbers.size + 1);
        return `<id ${numbers.get(id)}>`;
      })
      .replace(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, '<time>')
      .replace(/\b\d+(?:\.\d+)? (?:ms|s|seconds?)\b/g, '<duration>');
  };
}
