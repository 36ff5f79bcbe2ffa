import { createInterface } from 'node:readline/promises';
import { TreekeeperError } from '../errors.ts';
import type { Context } from './base.ts';

/** Whether somebody is there to answer: the question can be seen, and an answer typed. */
export function canAsk({ stdin, stderr }: Context): boolean {
  return isTerminal(stdin) && isTerminal(stderr);
}

/**
 * Asks on the terminal and goes on only after a yes: whatever else is typed, an end of the input included, is a no. Throws
 * `TreekeeperError('failed')` on a no, and `'interrupted'`.
 */
export async function confirm(question: string, { stdin, stderr, signal }: Context): Promise<void> {
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      lines.once('close', () => resolve(''));
      lines.once('SIGINT', () => reject(new TreekeeperError('interrupted', 'stopped: nothing was created')));
      lines.question(`${question} [y/N] `, { signal }).then(resolve, reject);
    });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    lines.close();
  }
  throw new TreekeeperError('failed', 'nothing was created: the answer was not yes', {
    hint: '--yes goes on without asking',
  });
}

function isTerminal(stream: object): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}
