import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { type Environment, readPassphrase } from '../config/credentials.ts';
import { TreekeeperError } from '../errors.ts';
import { type Decryptor, lazyDecryptor } from '../operations/lazy-decryptor.ts';
import type { SecretSource } from '../operations/secret.ts';
import type { Context } from './base.ts';
import { askPassphrase } from './passphrase.ts';

/** What flags say about secret keys and passphrases. */
export interface SecretFlags {
  readonly keyFile: string | undefined;
  readonly passphraseFile: string | undefined;
}

/** What opens encrypted values. */
export interface Secrets {
  /** May ask a person, or gpg. */
  readonly decryptor: Decryptor;
  /** Asks nobody: with the file of a secret key, or a passphrase that is at hand. */
  readonly unattendedDecryptor: Decryptor;
}

/** Finds what opens values: flags, then the environment, then the configuration. Nothing is read before it is needed. */
export function findSecrets(flags: SecretFlags, config: Config | undefined, context: Context): Secrets {
  const { env, directory } = context;
  const keyFile = flags.keyFile ?? (env['TREEKEEPER_KEY_FILE'] || undefined);
  const given = (name: string) => passphraseGiven(flags.passphraseFile, name, directory, env);
  const keyHint = 'give it with --passphrase-file or TREEKEEPER_KEY_PASSPHRASE, or leave the key to gpg and its agent';
  const hint = 'give it with --passphrase-file, or in TREEKEEPER_PASSPHRASE';
  const keyPassphrase = async () => {
    const known = given('TREEKEEPER_KEY_PASSPHRASE');
    if (known !== undefined) return known;
    throw new TreekeeperError('decrypt', 'the secret key is protected, and its passphrase is not given', {
      hint: keyHint,
    });
  };
  const unattended: SecretSource = {
    keyFile: keyFile === undefined ? undefined : resolve(directory, keyFile),
    keyPassphrase,
    passphrases() {
      const known = given('TREEKEEPER_PASSPHRASE');
      return known === undefined ? passphrasesOf(config, env) : [known];
    },
    gpg: false,
  };
  const attended: SecretSource = {
    ...unattended,
    keyPassphrase: async () =>
      given('TREEKEEPER_KEY_PASSPHRASE') ?? (await askPassphrase('the secret key', keyHint, context)),
    askPassphrase: () => askPassphrase('the encrypted values', hint, context),
    gpg: true,
  };
  const open = (source: SecretSource) =>
    lazyDecryptor(async () => (await import('../operations/secret.ts')).openSecret(source));
  return { decryptor: open(attended), unattendedDecryptor: open(unattended) };
}

/** A passphrase from the file of the flag, from `NAME`, or from the file that `NAME_FILE` names. */
function passphraseGiven(
  file: string | undefined,
  name: string,
  directory: string,
  environment: Environment,
): string | undefined {
  if (file !== undefined) return readPassphrase({ passphraseFile: file }, directory, environment);
  const passphraseFile = environment[`${name}_FILE`];
  return environment[name] ?? (passphraseFile ? readPassphrase({ passphraseFile }, directory, environment) : undefined);
}

/** Those that the rules of the configuration refer to. One that is not at hand here may not be needed. */
function passphrasesOf(config: Config | undefined, environment: Environment): string[] {
  const found = new Set<string>();
  for (const { encrypt = [] } of Object.values(config?.stores ?? {})) {
    for (const rule of encrypt) {
      try {
        const passphrase = readPassphrase(rule, config?.directory ?? '', environment);
        if (passphrase !== undefined) found.add(passphrase);
      } catch (thrown) {
        if (!(thrown instanceof TreekeeperError)) throw thrown;
      }
    }
  }
  return [...found];
}
