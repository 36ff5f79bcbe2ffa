import { resolve } from 'node:path';
import type { EncryptConfig } from '../config/config.ts';
import { type Environment, readPassphrase } from '../config/credentials.ts';
import type { EncryptRule } from '../snapshot/manifest.ts';
import type { Surroundings } from './connect.ts';
import { compileSelection } from './select.ts';

/** A rule with what is needed to follow it. */
export interface RuleSource extends EncryptRule {
  /** Files with public keys of recipients. */
  readonly keyFiles?: readonly string[];
  /** For a rule with a passphrase. Throws `TreekeeperError('usage')` where it is not at hand. */
  readPassphrase?(): string | undefined;
}

/** A rule of the configuration in `directory`. */
function ruleSource(rule: EncryptConfig, directory: string, environment: Environment): RuleSource {
  const { keys, recipients = [], keyFiles = [], passphraseFile, passphraseEnv, sessionKeys } = rule;
  return {
    keys,
    recipients: recipients.map((fingerprint) => fingerprint.replace(/\s/g, '').toUpperCase()),
    keyFiles: keyFiles.map((file) => resolve(directory, file)),
    ...((passphraseFile ?? passphraseEnv) !== undefined && {
      passphrase: true,
      readPassphrase: () => readPassphrase(rule, directory, environment),
    }),
    ...(sessionKeys === 'per-value' && { sessionKeys }),
  };
}

/** The rules that the configuration has for a store; `undefined` where it says nothing of them. */
export function configuredRules(store: string, { config, environment }: Surroundings): RuleSource[] | undefined {
  const { encrypt } = config?.stores[store] ?? {};
  return encrypt?.map((rule) => ruleSource(rule, config?.directory ?? '', environment));
}

/** Tells by which of some rules the value of a node is encrypted: the first one that matches its key. */
export async function compileRules<Rule extends EncryptRule>(
  rules: readonly Rule[],
): Promise<(key: Uint8Array) => Rule | undefined> {
  const compiled: { matches(key: Uint8Array): boolean; rule: Rule }[] = [];
  for (const rule of rules) compiled.push({ matches: (await compileSelection(rule.keys, [])).matches, rule });
  return (key) => compiled.find(({ matches }) => matches(key))?.rule;
}
