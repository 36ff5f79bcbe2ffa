/** A key that signs the commits of this host. */
export interface SigningKey {
  /** Of its primary key: 40 hex digits, upper case. */
  readonly fingerprint: string;
  /** What will not work much longer, one line each. */
  readonly warnings: readonly string[];
  /** Its public key, armored, with all that `kept`, an earlier copy of it, has besides. */
  publicKey(kept: Uint8Array | undefined): Promise<Uint8Array>;
  /** A detached OpenPGP signature over these bytes, armored. Throws `TreekeeperError('unsigned')`. */
  sign(content: Uint8Array): Promise<string>;
}

/** Where a signing key comes from. It is opened once, when it is first needed. */
export interface Signer {
  /** Throws `TreekeeperError('unsigned')` where the key cannot sign now, and `'decrypt'` where the passphrase is wrong. */
  open(): Promise<SigningKey>;
}
