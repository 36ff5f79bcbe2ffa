import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { TreekeeperError } from '../errors.ts';
import type { Context } from './base.ts';

/** The passphrase of a secret key: from the environment, or typed without an echo. Throws `TreekeeperError('decrypt')`. */
export async function askPassphrase(given: string | undefined, { stdin, stderr }: Context): Promise<string> {
  if (given !== undefined) return given;
  if (!('isTTY' in stdin && stdin.isTTY)) {
    throw new TreekeeperError(
      'decrypt',
      'the secret key is protected, and there is no terminal to ask for its passphrase',
      {
        hint: 'give it as TREEKEEPER_KEY_PASSPHRASE, or leave the key to gpg and its agent',
      },
    );
  }
  stderr.write('passphrase of the secret key: ');
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
