import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Gnupg } from '../../ciphers/gnupg.ts';

/** To whom the values of secrets are encrypted; nobody where they are in clear. */
export type Rule = 'nobody' | 'alice' | 'both' | 'bob';

/** Those that a store with encrypted values can go over to. */
export const secretRules: readonly Rule[] = ['alice', 'both', 'bob'];

export const isSecret = (key: string) => key.startsWith('secret/');

/** Two people with keys, which lie in a directory as files. */
export interface People {
  export(directory: string): void;
  /** Writes the configuration of the store `app`, of this service, with one remote. */
  configure(directory: string, url: string, rule: Rule, remote: string): void;
  /** Opens what was encrypted to one of them, with gpg. Throws where it cannot be. */
  open(ciphertext: Buffer): Buffer;
}

export function makePeople(gnupg: Gnupg): People {
  const alice = gnupg.makeKey('cv25519', { user: 'alice <alice@example.org>' });
  const bob = gnupg.makeKey('cv25519', { user: 'bob <bob@example.org>' });
  const files = {
    'keys.asc': gnupg.run(['--export', '--armor']),
    'alice.key': gnupg.run(['--export-secret-keys', alice]),
    'bob.key': gnupg.run(['--export-secret-keys', bob]),
    'both.key': gnupg.run(['--export-secret-keys', '--armor']),
  };
  const opened = new Map<string, Buffer>();
  const recipients = { nobody: [], alice: [alice], both: [alice, bob], bob: [bob] };
  return {
    open(ciphertext) {
      const digest = createHash('sha256').update(ciphertext).digest('hex');
      const value = opened.get(digest) ?? gnupg.run(['--decrypt'], ciphertext);
      opened.set(digest, value);
      return value;
    },
    export(directory) {
      for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
    },
    configure(directory, url, rule, remote) {
      const encrypt = { keys: ['**/secret/**'], recipients: recipients[rule], keyFiles: ['keys.asc'] };
      const store = { service: url, ...(rule !== 'nobody' && { encrypt: [encrypt] }) };
      const config = { version: 1, stores: { app: store }, remotes: [{ name: 'origin', url: remote }] };
      // JSON is YAML.
      writeFileSync(join(directory, 'treekeeper.yaml'), JSON.stringify(config));
    },
  };
}

/** The file with a key that opens what was encrypted by a rule; with both, where that is not known. */
export function keyFileFor(rule: Rule | undefined): string {
  return rule === undefined ? 'both.key' : rule === 'bob' ? 'bob.key' : 'alice.key';
}
