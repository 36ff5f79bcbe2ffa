import type { Key, PublicKey, Signature, SignaturePacket, Subkey } from 'openpgp';
import { reasonOf } from '../errors.ts';
import { decodeSignatureArmor } from './armor.ts';
import { loadOpenpgp } from './openpgp.ts';

/** What came of looking at a signature: whose it is (the fingerprint of a primary key), or why it does not count. */
export type Verdict = { readonly signer: string } | { readonly problem: string };

/**
 * Holds a detached, armored signature against what it is over. `keys` are those that count; there may be several copies of
 * one, of which a single one that tells of a revocation is enough. As with gpg, a signature that was made while its key was
 * valid stays good when the key has expired, or was retired; where the key was revoked as compromised, or without a reason,
 * none of its signatures counts, since whoever has it can give them any date.
 */
export async function verifySignature(
  content: Uint8Array,
  armored: string,
  keys: readonly PublicKey[],
  now = new Date(),
): Promise<Verdict> {
  if (!armored.startsWith('-----BEGIN PGP SIGNATURE-----'))
    return { problem: 'has a signature of another kind than OpenPGP, which treekeeper cannot verify' };
  const signature = await readStrictly(armored);
  const packet = signature?.packets[0];
  if (!signature || !packet) return { problem: 'has a signature that is damaged' };
  if (packet.getExpirationTime() <= now) return { problem: 'has a signature that was given for a time, which is over' };

  const candidates = keys.filter((key) => key.getKeys(packet.issuerKeyID).length > 0);
  const [signer] = candidates;
  if (!signer)
    return {
      problem: `is signed by the key ${packet.issuerKeyID.toHex().toUpperCase()}, which is not among the trusted`,
    };
  const failures: string[] = [];
  for (const key of candidates) {
    const failure = await verifyWith(key, signature, packet, content);
    if (failure !== undefined) failures.push(failure);
  }
  const revoked = failures.find((failure) => /revoked/i.test(failure));
  const failure = revoked ?? (failures.length === candidates.length ? failures[0] : undefined);
  if (failure === undefined) return { signer: signer.getFingerprint().toUpperCase() };
  return { problem: `has no good signature of ${signer.getFingerprint().toUpperCase()}: ${failure}` };
}

/** The subpacket that gpg writes outside of what is signed (RFC 9580, 5.2.3.12). */
const issuerKeyId = 16;

/** Answers why it is not good, or `undefined`. */
async function verifyWith(
  key: PublicKey,
  signature: Signature,
  packet: SignaturePacket,
  content: Uint8Array,
): Promise<string | undefined> {
  const { verify, createMessage, config } = await loadOpenpgp();
  const [result] = (
    await verify({
      message: await createMessage({ binary: content }),
      signature,
      verificationKeys: key,
      date: new Date(Math.max(Number(packet.created), ...selfSignatures(key))),
      // a key whose expiry was put off may have lost what it said of itself before
      config: { ...config, allowInsecureVerificationWithReformattedKeys: true },
    })
  ).signatures;
  return result?.verified.then(() => undefined, plainReason) ?? 'it is of a kind that proves nothing';
}

/** When a key said what of itself, in milliseconds since 1970. */
function selfSignatures(key: Key): number[] {
  const packets = [
    ...key.users.flatMap(({ selfCertifications }) => selfCertifications),
    ...key.subkeys.flatMap(({ bindingSignatures }: Subkey) => bindingSignatures),
  ];
  return packets.map(({ created }) => Number(created));
}

/**
 * One signature over bytes, in the one form that it can have: that which is not under the signature itself, its frame and
 * the id of the key, has to be as it is written.
 */
async function readStrictly(armored: string): Promise<Signature | undefined> {
  const { readSignature, enums, config } = await loadOpenpgp();
  const bytes = decodeSignatureArmor(armored);
  const signature = bytes && (await readSignature({ binarySignature: bytes, config }).catch(() => undefined));
  const [packet, ...others] = signature?.packets ?? [];
  if (!bytes || !packet || others.length > 0 || packet.signatureType !== enums.signature.binary) return undefined;

  const body = packet.write();
  const isCanonical = Buffer.compare(bytes.subarray(-body.length), body) === 0 && bytes.length <= body.length + 6;
  const isPlain = packet.unhashedSubpackets.every(
    ({ type, critical, body: id }) =>
      type === issuerKeyId && !critical && Buffer.from(id).toString('hex') === packet.issuerKeyID.toHex(),
  );
  return isCanonical && isPlain ? signature : undefined;
}

function plainReason(thrown: unknown): string {
  return reasonOf(thrown).replace(/\.$/, '');
}
