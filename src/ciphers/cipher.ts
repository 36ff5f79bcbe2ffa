/** Encrypts the values of one run, all to the same recipients. */
export interface Encryptor {
  /** What tells these recipients and this way of encrypting from another: where it changes, values are encrypted anew. */
  readonly setId: string;
  /** The ids of the keys in its messages, as `audienceOf` tells them. */
  readonly keyIds: readonly string[];
  /** One binary OpenPGP message. `key` is the node's and is bound to its value. */
  encrypt(key: Uint8Array, value: Uint8Array): Promise<Uint8Array>;
}

/** Opens encrypted values. */
export interface Decryptor {
  /**
   * The value of the node of that key. Throws `TreekeeperError('decrypt')` where no key at hand opens it, and `'integrity'`
   * where it was changed, cut off, or belongs to another node.
   */
  decrypt(key: Uint8Array, message: Uint8Array): Promise<Uint8Array>;
}

/** The session key of a message: AES-256. */
export type SessionKey = Uint8Array;

/** Finds the session key of a message whose packets for the recipients are `header`. Throws `TreekeeperError('decrypt')`. */
export type OpenSessionKey = (header: Uint8Array, message: Uint8Array) => Promise<SessionKey>;
