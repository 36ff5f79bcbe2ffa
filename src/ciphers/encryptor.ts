import { randomBytes } from 'node:crypto';
import type { Encryptor, SessionKey } from './cipher.ts';
import { nodeName } from './node-name.ts';
import { loadOpenpgp } from './openpgp.ts';
import { sealValue } from './packets.ts';
import { type Recipients, setIdOf } from './recipients.ts';

/** Values that share a session key, so that opening them all takes one operation with a secret key. */
const mostValues = 4_096;

/** `per-value`: every message has a session key of its own, so that to disclose one discloses nothing of another. */
export type SessionKeys = 'shared' | 'per-value';

/**
 * Encrypts the values of one run to recipients. One session key serves for 4,096 values, never for another set of
 * recipients or another run; each message begins with random bytes of its own, so equal values look unequal.
 */
export function openEncryptor(recipients: Recipients, sessionKeys: SessionKeys = 'shared'): Encryptor {
  let current: Promise<{ readonly key: SessionKey; readonly header: Uint8Array }> | undefined;
  let left = 0;

  return {
    setId: sessionKeys === 'shared' ? recipients.setId : setIdOf([recipients.setId, sessionKeys]),
    keyIds: recipients.keyIds,

    async encrypt(key, value) {
      if (left === 0 || !current) {
        current = newSession(recipients);
        left = sessionKeys === 'shared' ? mostValues : 1;
      }
      left -= 1;
      return sealValue(await current, nodeName(key), value);
    },
  };
}

async function newSession({ keys, passphrase }: Recipients): Promise<{ key: SessionKey; header: Uint8Array }> {
  const { encryptSessionKey, config } = await loadOpenpgp();
  const key = Uint8Array.from(randomBytes(32));
  const encryptionKeys = [...(await keys())];
  const header = await encryptSessionKey({
    data: key,
    algorithm: 'aes256',
    format: 'binary',
    config,
    ...(encryptionKeys.length > 0 && { encryptionKeys }),
    ...(passphrase !== undefined && { passwords: passphrase }),
  });
  return { key, header: header as Uint8Array };
}
