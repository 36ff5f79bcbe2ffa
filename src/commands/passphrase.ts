import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { TreekeeperError } from '../errors.ts';
import type { Context } from './base.ts';

/** Asks for a passphrase, typed without an echo. Throws `TreekeeperError('decrypt')` with `hint` where nobody can be asked. */
export async function askPassphrase(what: string, hint: string, { stdin, stderr }: Context): Promise<string> {
  if (!('isTTY' in stdin && stdin.isTTY)) {
    throw new TreekeeperError('decrypt', `there is no terminal to ask for the passphrase of ${what}`, { hint });
  }
  stderr.write(`passphrase of ${what}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('SIGINT', () => reject(new TreekeeperError('interrupted', 'stopped')));
    });
  } finally {
    lines.close();
    stderr.write('\n');
  }
}
