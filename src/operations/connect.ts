import { basename, resolve } from 'node:path';
import type { Decryptor } from '../ciphers/cipher.ts';
import type { Config, StoreConfig } from '../config/config.ts';
import { type Environment, readCredentials } from '../config/credentials.ts';
import { TreekeeperError } from '../errors.ts';
import { isServiceUrl, parseServiceUrl, type ServiceAddress } from '../services/address.ts';
import { openService } from '../services/open.ts';
import { isStoreName } from '../snapshot/manifest.ts';
import type { Signer } from '../snapshot/signing-key.ts';
import type { BackupSource } from './backup.ts';
import { interruptible } from './interruptible.ts';
import type { Policy } from './read.ts';
import { configuredRules } from './rules.ts';
import type { Trust } from './trust.ts';

/** What a service argument is read against. */
export interface Surroundings {
  readonly config: Config | undefined;
  readonly environment: Environment;
  /** For every single request to a service, in milliseconds. */
  readonly timeout: number;
  /** The repository is not the one that the configuration names, so its remotes get nothing without being asked for. */
  readonly isOtherRepository?: boolean;
  /** Ends the waiting for an answer of a service. */
  readonly signal?: AbortSignal;
  /** How long a remote may say nothing, in milliseconds; as long as `timeout` where this is not given. */
  readonly remoteTimeout?: number;
  /** Opens encrypted values; may ask a person for it. */
  readonly decryptor?: Decryptor;
  /** Opens them without asking anybody, where that can be. */
  readonly unattendedDecryptor?: Decryptor;
  /** Signs what is committed. */
  readonly signer?: Signer;
  /** What is restored, and taken from remotes; everything without it. */
  readonly trust?: Trust;
}

/**
 * Opens the service that an argument names, a URL or a store of the configuration, and tells the store and policy that
 * belong to it. Throws `TreekeeperError('usage')` where it names neither. Nothing is sent to the service yet.
 */
export async function connect(argument: string, surroundings: Surroundings): Promise<BackupSource> {
  const { config, environment, timeout, signal } = surroundings;
  const named = config?.stores[argument];
  if (!named && !isServiceUrl(argument)) throw unknownService(argument, config);

  const directory = named ? (config?.directory ?? '') : process.cwd();
  const address = inDirectory(parseServiceUrl(named?.service ?? argument), directory);
  const access = { ...readCredentials(address.kind, named, directory, environment), timeout };
  const service = await openService(address, access);
  return {
    store: named ? storeName(argument) : defaultStore(address),
    service: signal ? interruptible(service, signal) : service,
    policy: storePolicy(argument, surroundings),
  };
}

/** What the configuration says of how a store is kept; for one that it does not name, that everything is. */
export function storePolicy(name: string, surroundings: Surroundings): Policy {
  return policyOf(surroundings.config?.stores[name] ?? {}, configuredRules(name, surroundings));
}

/** Checks a name that a user gave to a store. Throws `TreekeeperError('usage')` where it cannot be one. */
export function storeName(name: string): string {
  if (isStoreName(name)) return name;
  throw new TreekeeperError('usage', `${name} cannot be the name of a store`, {
    hint: 'use lower-case letters, digits, dots, dashes and underscores, 64 at most, beginning with a letter or digit',
  });
}

/** A policy with what flags say in place of what the configuration says. Throws `TreekeeperError('usage')` on an unknown word. */
export function overridePolicy(
  policy: Policy,
  flags: { include?: string[] | undefined; exclude?: string[] | undefined; ephemeral?: string | undefined },
): Policy {
  const ephemeral = flags.ephemeral ?? policy.ephemeral;
  if (ephemeral !== 'skip' && ephemeral !== 'record') {
    throw new TreekeeperError('usage', `--ephemeral ${ephemeral} is neither skip nor record`);
  }
  return { ...policy, include: flags.include ?? policy.include, exclude: flags.exclude ?? policy.exclude, ephemeral };
}

function policyOf(
  { include = [], exclude = [], ephemeral = 'skip' }: Partial<StoreConfig>,
  encrypt: Policy['encrypt'],
): Policy {
  return { include, exclude, ephemeral, ...(encrypt && { encrypt }) };
}

function inDirectory(address: ServiceAddress, directory: string): ServiceAddress {
  return address.kind === 'dir' ? { ...address, path: resolve(directory, address.path) } : address;
}

/** The kind of service; for a directory its own name, where that can be a store's. */
function defaultStore(address: ServiceAddress): string {
  const name = address.kind === 'dir' ? basename(address.path).toLowerCase() : address.kind;
  return isStoreName(name) ? name : address.kind;
}

function unknownService(argument: string, config: Config | undefined): TreekeeperError {
  const names = Object.keys(config?.stores ?? {});
  return new TreekeeperError('usage', `${argument} is neither a service URL nor a store of the configuration`, {
    hint:
      names.length > 0
        ? `the stores of the configuration are: ${names.join(', ')}`
        : 'write etcd://HOST:PORT, dir:PATH, or name a store in treekeeper.yaml',
  });
}
