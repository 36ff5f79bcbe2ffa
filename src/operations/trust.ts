import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import type { Oid } from '../snapshot/objects.ts';
import { parseFingerprint } from './fingerprint.ts';

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
  // Most runs ask nobody for a signature, and need nothing that looks at one.
  const { problemWithSignature } = await import('./signed-by.ts');
  const problem = await problemWithSignature(reader, oid, trust);
  if (problem === undefined) return;
  const fact = `the snapshot ${oid.slice(0, 10)} ${problem}`;
  if (trust.unverified) return trust.unverified(fact);
  throw new TreekeeperError('unsigned', fact, {
    hint: 'nothing was done with it; `git log --show-signature` tells more, and --allow-unverified takes it all the same',
  });
}
