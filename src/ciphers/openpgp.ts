import type * as Openpgp from 'openpgp';

/** openpgp.js with our settings, as they are to be given to every call. */
export interface LoadedOpenpgp {
  readonly readKeys: typeof Openpgp.readKeys;
  readonly readPrivateKeys: typeof Openpgp.readPrivateKeys;
  readonly readMessage: typeof Openpgp.readMessage;
  readonly decryptKey: typeof Openpgp.decryptKey;
  readonly decryptSessionKeys: typeof Openpgp.decryptSessionKeys;
  readonly readSignature: typeof Openpgp.readSignature;
  readonly createMessage: typeof Openpgp.createMessage;
  readonly sign: typeof Openpgp.sign;
  readonly verify: typeof Openpgp.verify;
  readonly enums: typeof Openpgp.enums;
  readonly encryptSessionKey: typeof Openpgp.encryptSessionKey;
  readonly config: Openpgp.Config;
}

/** Loads openpgp.js when it is first needed: it takes as long to load as a small backup. */
export async function loadOpenpgp(): Promise<LoadedOpenpgp> {
  const openpgp = await import('openpgp');
  const { enums } = openpgp;
  return {
    ...openpgp,
    config: {
      ...openpgp.config,
      // What gpg 2.2 reads: no AEAD, no version 6, no Argon2.
      aeadProtect: false,
      v6Keys: false,
      s2kType: enums.s2k.iterated,
      s2kIterationCountByte: 224,
      preferredSymmetricAlgorithm: enums.symmetric.aes256,
      // The length of compressed text tells something of the text.
      preferredCompressionAlgorithm: enums.compression.uncompressed,
      allowUnauthenticatedMessages: false,
      allowInsecureDecryptionWithSigningKeys: false,
    },
  };
}
