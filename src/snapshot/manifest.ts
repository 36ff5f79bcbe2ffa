import { TreekeeperError } from '../errors.ts';
import { decodeJsonObject, encodeJson } from './attributes.ts';
import { bytesFromJson, bytesToJson, sameBytes } from './bytes.ts';
import { type Kind, layouts } from './layout.ts';
import type { Json } from './node.ts';

/** The version of the snapshot format that this program writes. */
export const formatVersion = 1;

export const manifestName = '%store.json';

/** What a store says of itself in `%store.json`: all that is needed to turn its files back into keys. */
export interface Manifest {
  readonly service: Kind;
  /** Taken off every key; empty where the whole tree was read. */
  readonly root: Uint8Array;
  /** Globs over keys: what was left out on purpose. Empty lists mean everything, and nothing. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Whether nodes that belong to running clients were left out or recorded. */
  readonly ephemeral: EphemeralPolicy;
  /** Which values are encrypted, and to whom; none without it. */
  readonly encrypt?: readonly EncryptRule[] | undefined;
}

/** How the values of the nodes are encrypted whose keys match one of the globs. */
export interface EncryptRule {
  readonly keys: readonly string[];
  /** Full fingerprints. */
  readonly recipients: readonly string[];
  /** With a passphrase, too. */
  readonly passphrase?: true;
  /** Every value has a session key of its own. */
  readonly sessionKeys?: 'per-value';
}

export type EphemeralPolicy = 'skip' | 'record';

export function encodeManifest({ service, root, include, exclude, ephemeral, encrypt = [] }: Manifest): Uint8Array {
  return encodeJson({
    format: formatVersion,
    service,
    ...(root.length > 0 && { root: bytesToJson(root) }),
    ...(include.length > 0 && { include }),
    ...(exclude.length > 0 && { exclude }),
    ...(ephemeral !== 'skip' && { ephemeral }),
    ...(encrypt.length > 0 && { encrypt: encrypt.map(plainRule) }),
  });
}

/**
 * The manifest of a store. Throws `TreekeeperError('failed')` where a newer treekeeper wrote it, and
 * `TreekeeperError('integrity')` where nobody can have.
 */
export function decodeManifest(bytes: Uint8Array, store: string): Manifest {
  const where = `${store}/${manifestName}`;
  const json = decodeJsonObject(bytes, where);
  const { format, service, root, include = [], exclude = [], ephemeral = 'skip', encrypt = [], ...unknown } = json;
  if (typeof format !== 'number') throw damaged(where, 'has no format version');
  if (format > formatVersion)
    throw newer(store, `has format version ${format}, and this treekeeper knows ${formatVersion}`);
  if (Object.keys(unknown).length > 0) throw newer(store, `has the unknown field ${Object.keys(unknown)[0]}`);

  const rootBytes = root === undefined ? new Uint8Array() : bytesFromJson(root);
  if (typeof service !== 'string' || !Object.hasOwn(layouts, service)) throw damaged(where, 'names no known service');
  if (!rootBytes || !isStrings(include) || !isStrings(exclude)) throw damaged(where, 'has a field of the wrong type');
  if (ephemeral !== 'skip' && ephemeral !== 'record') throw damaged(where, 'has an unknown policy for ephemeral nodes');
  if (!isRules(encrypt)) throw damaged(where, 'has rules for encryption of the wrong type');
  const manifest: Manifest = {
    service: service as Kind,
    root: rootBytes,
    include,
    exclude,
    ephemeral,
    ...(encrypt.length > 0 && { encrypt }),
  };
  if (!sameBytes(encodeManifest(manifest), bytes)) throw damaged(where, 'is not as treekeeper writes it');
  return manifest;
}

const storeName = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Whether a name can be a store's: portable as a directory, and never one of Git's own or a device of Windows. */
export function isStoreName(name: string): boolean {
  return (
    storeName.test(name) &&
    !/[.]$|[.](?:git|lock|gpg)$/.test(name) &&
    !/^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/.test(name)
  );
}

/** Only what the manifest holds of a rule, always in the same order. */
function plainRule({ keys, recipients, passphrase, sessionKeys }: EncryptRule) {
  return { keys, recipients, ...(passphrase && { passphrase }), ...(sessionKeys && { sessionKeys }) };
}

/** Whether two stores encrypt the same values in the same way. */
export function sameRules(some: readonly EncryptRule[], others: readonly EncryptRule[]): boolean {
  return JSON.stringify(some.map(plainRule)) === JSON.stringify(others.map(plainRule));
}

function isStrings(json: Json): json is readonly string[] {
  return Array.isArray(json) && json.every((item) => typeof item === 'string');
}

function isRules(json: Json): json is Json & readonly EncryptRule[] {
  return (
    Array.isArray(json) &&
    json.every((rule) => {
      const { keys = null, recipients = null, passphrase = true, sessionKeys = 'per-value', ...unknown } = { ...rule };
      const isKnown = passphrase === true && sessionKeys === 'per-value' && Object.keys(unknown).length === 0;
      return isKnown && isStrings(keys) && isStrings(recipients);
    })
  );
}

function newer(store: string, fact: string): TreekeeperError {
  return new TreekeeperError('failed', `the store ${store} ${fact}`, {
    hint: 'upgrade treekeeper to read this repository',
  });
}

function damaged(where: string, problem: string): TreekeeperError {
  return new TreekeeperError('integrity', `${where} ${problem}`);
}
