import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { PublicKey } from '../ciphers/recipients.ts';
import type { Config } from '../config/config.ts';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import { splitSignature } from '../git/signature.ts';
import type { Oid } from '../snapshot/objects.ts';
import { parseFingerprint } from './fingerprint.ts';
import { readMoment } from './history.ts';
import { repositoryKeys } from './public-keys.ts';

/** What is restored, and taken from remotes. */
export interface Trust {
  /** Whose signatures count: full fingerprints of primary keys. Without any, nobody is asked for a signature. */
  readonly signers: readonly string[];
  /** Files with public keys of theirs. */
  readonly keyFiles: readonly string[];
  /** Takes what they did not sign all the same, and tells. */
  readonly unverified?: (problem: string) => void;
  /** Takes the branch of a remote that does not come from what was seen there last. */
  readonly otherHistory?: boolean;
}

/** Whom the configuration trusts, or `signers` in its place. Throws `TreekeeperError('usage')` on a fingerprint that is none. */
export function configuredTrust(config: Config | undefined, signers: readonly string[] | undefined): Trust {
  const { signers: configured = [], keyFiles = [] } = config?.trust ?? {};
  return {
    signers: (signers ?? configured).map(parseFingerprint),
    keyFiles: keyFiles.map((file) => resolve(config?.directory ?? '', file)),
  };
}

/**
 * Proves that a commit is signed by one of those who are trusted, where any are. Throws `TreekeeperError('unsigned')` where
 * it is not.
 */
export async function requireTrusted(reader: ObjectReader, oid: Oid, trust: Trust | undefined): Promise<void> {
  if (!trust || trust.signers.length === 0) return;
  const problem = await problemWith(reader, oid, trust);
  if (problem === undefined) return;
  const fact = `the snapshot ${oid.slice(0, 10)} ${problem}`;
  if (trust.unverified) return trust.unverified(fact);
  throw new TreekeeperError('unsigned', fact, {
    hint: 'nothing was done with it; `git log --show-signature` tells more, and --allow-unverified takes it all the same',
  });
}

async function problemWith(reader: ObjectReader, oid: Oid, trust: Trust): Promise<string | undefined> {
  const { content, signature } = splitSignature((await reader.read(oid)).content);
  if (signature === undefined) return 'is not signed';
  const { kept } = await repositoryKeys(reader, await readMoment(reader, oid));
  const keys = await findKeys(trust, kept);
  const { verifySignature } = await import('../ciphers/verify.ts');
  const verdict = await verifySignature(content, signature, keys);
  if ('signer' in verdict) return undefined;

  const known = new Set(keys.map((key) => key.getFingerprint().toUpperCase()));
  const missing = trust.signers.filter((fingerprint) => !known.has(fingerprint));
  return missing.length === 0
    ? verdict.problem
    : `${verdict.problem}; the public key of ${missing.join(', ')} is not at hand (name its file at \`trust\`, or import it into gpg)`;
}

/**
 * The public keys of those who are trusted, from the files that are named, the repository and gpg. One key may come more
 * than once: any of these places may be the one where it became known that it is revoked, or lives longer.
 */
async function findKeys(
  { signers, keyFiles }: Trust,
  kept: ReadonlyMap<string, Uint8Array>,
): Promise<readonly PublicKey[]> {
  const [{ readKeys }, { exportFromGpg }] = await Promise.all([
    import('../ciphers/recipients.ts'),
    import('../ciphers/gpg.ts'),
  ]);
  const files = await Promise.all(keyFiles.map(readKeyFile));
  const exported = await Promise.all(signers.map((signer) => exportFromGpg(signer).catch(unlessUnknown)));
  const found = [...files, ...signers.map((signer) => kept.get(signer)), ...exported];
  const keys = await Promise.all(found.map(async (file) => (file ? readKeys(file) : [])));
  return keys.flat().filter((key) => signers.includes(key.getFingerprint().toUpperCase()));
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new TreekeeperError('usage', `cannot read the key file ${path}: ${reasonOf(cause)}`, { cause });
  });
}

/** gpg is one place of several: that it is not there, or has no such key, is no error. */
function unlessUnknown(thrown: unknown): undefined {
  if (thrown instanceof TreekeeperError) return undefined;
  throw thrown;
}
