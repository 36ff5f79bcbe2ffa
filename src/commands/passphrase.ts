import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { TreekeeperError } from '../errors.ts';
import type { Context } from './base.ts';

/** What a passphrase is for, and where it may come from instead of a terminal. */
interface Purpose {
  readonly key: string;
  readonly hint: string;
}

const secretKey: Purpose = {
  key: 'secret key',
  hint: 'give it as TREEKEEPER_KEY_PASSPHRASE, or leave the key to gpg and its agent',
};

export const signingKey: Purpose = {
  key: 'signing key',
  hint: 'name its passphraseFile or passphraseEnv at `sign` in the configuration, or leave the key to gpg and its agent',
};

/** The passphrase of a key: from the environment, or typed without an echo. Throws `TreekeeperError('decrypt')`. */
export async function askPassphrase(
  given: string | undefined,
  { stdin, stderr }: Context,
  { key, hint }: Purpose = secretKey,
): Promise<string> {
  if (given !== undefined) return given;
  if (!('isTTY' in stdin && stdin.isTTY)) {
    throw new TreekeeperError(
      'decrypt',
      `the ${key} is protected, and there is no terminal to ask for its passphrase`,
      {
        hint,
      },
    );
  }
  stderr.write(`passphrase of the ${key}: `);
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
