import type { Decryptor } from '../ciphers/cipher.ts';

export type { Decryptor } from '../ciphers/cipher.ts';

/** A decryptor that is made when the first value needs it. */
export function lazyDecryptor(open: () => Promise<Decryptor>): Decryptor {
  let opening: Promise<Decryptor> | undefined;
  return {
    async decrypt(key, message) {
      opening ??= open();
      return (await opening).decrypt(key, message);
    },
  };
}
