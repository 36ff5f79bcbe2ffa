import { TreekeeperError } from '../errors.ts';
import type { Decryptor, OpenSessionKey, SessionKey } from './cipher.ts';
import { nodeName } from './node-name.ts';
import { splitMessage, unsealValue } from './packets.ts';

/**
 * Opens values with whatever finds session keys. One that was found serves for every message with the same packets for the
 * recipients, so that a secret key, or the person behind its agent, is asked once for thousands of values; and where no key
 * opens one message, none is asked for the others.
 */
export function openDecryptor(openSessionKey: OpenSessionKey): Decryptor {
  const known = new Map<string, Promise<SessionKey>>();

  return {
    async decrypt(key, bytes) {
      const message = splitMessage(bytes);
      const header = Buffer.from(message.header).toString('latin1');
      const finding = known.get(header) ?? openSessionKey(message.header, bytes);
      known.set(header, finding);
      finding.catch((thrown: unknown) => {
        // It may have been this one message that is damaged.
        if (!(thrown instanceof TreekeeperError && thrown.code === 'decrypt')) known.delete(header);
      });
      const { name, value } = unsealValue(await finding, message);
      if (Buffer.compare(name, nodeName(key)) === 0) return value;
      throw new TreekeeperError('integrity', 'an encrypted value belongs to another node than the one where it is', {
        hint: 'somebody moved it there; `git log` tells who',
      });
    },
  };
}
