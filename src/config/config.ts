import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { TreekeeperError } from '../errors.ts';
import type { EphemeralPolicy } from '../snapshot/manifest.ts';

/** What treekeeper.yaml says, once it is known to be right. */
export interface Config {
  /** The directory of the file: relative paths in it start there. */
  readonly directory: string;
  readonly repository: string | undefined;
  readonly stores: { readonly [store: string]: StoreConfig };
  readonly remotes: readonly RemoteConfig[];
  /** A restore that creates more nodes than these asks first. */
  readonly confirmAbove?: number | undefined;
  readonly sign?: SignConfig | undefined;
  readonly trust?: TrustConfig | undefined;
}

/** What commits are signed with: a key of gpg, or a key file. */
export interface SignConfig {
  readonly key?: string;
  readonly keyFile?: string;
  readonly passphraseFile?: string;
  readonly passphraseEnv?: string;
}

/** Whose signatures count. */
export interface TrustConfig {
  readonly signers: readonly string[];
  readonly keyFiles?: readonly string[];
}

/** One remote as the file has it. */
export interface RemoteConfig {
  readonly name: string;
  readonly url: string;
  /** Whether every backup is pushed there. */
  readonly push?: boolean;
  readonly tokenFile?: string;
  readonly tokenEnv?: string;
  /** Whoever wrote this knows that values go there in clear. */
  readonly unencrypted?: 'accepted';
}

/** One store as the file has it. Field by field as in the published schema. */
export interface StoreConfig {
  readonly service: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly passwordEnv?: string;
  readonly tokenFile?: string;
  readonly tokenEnv?: string;
  readonly datacenter?: string;
  readonly namespace?: string;
  readonly partition?: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string };
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly ephemeral?: EphemeralPolicy;
  readonly encrypt?: readonly EncryptConfig[];
}

/** One rule for encryption as the file has it: to recipients, with a passphrase, or both. */
export interface EncryptConfig {
  readonly keys: readonly string[];
  readonly recipients?: readonly string[];
  readonly keyFiles?: readonly string[];
  readonly passphraseFile?: string;
  readonly passphraseEnv?: string;
  readonly sessionKeys?: 'shared' | 'per-value';
}

const fileName = 'treekeeper.yaml';

/**
 * Reads the configuration at `path`, or the treekeeper.yaml in `directory` or the nearest directory above it; `undefined`
 * where there is none. Throws `TreekeeperError('usage')` with line and column of a mistake.
 */
export async function loadConfig(path: string | undefined, directory: string): Promise<Config | undefined> {
  const found =
    path === undefined ? findUpward(directory) : { file: resolve(directory, path), text: readOrFail(path, directory) };
  if (!found) return undefined;

  const { parseConfig } = await import('./parse.ts');
  return { directory: dirname(found.file), ...parseConfig(found.text, found.file) };
}

function findUpward(directory: string): { file: string; text: string } | undefined {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const file = join(at, fileName);
    const text = readIfThere(file);
    if (text !== undefined) return { file, text };
    if (dirname(at) === at) return undefined;
  }
}

function readOrFail(path: string, directory: string): string {
  const text = readIfThere(resolve(directory, path));
  if (text !== undefined) return text;
  throw new TreekeeperError('usage', `there is no configuration file ${path}`);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR'))
      return undefined;
    throw new TreekeeperError(
      'usage',
      `cannot read the configuration ${file}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}
