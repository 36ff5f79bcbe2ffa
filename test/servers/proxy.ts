import type { Endpoint } from '../../src/services/address.ts';
import { type Between, startBetween } from './between.ts';

/** A relay in front of a server, to do something to it in the middle of an answer. */
export interface Proxy extends Between {
  /** How many bytes of answers went through so far. */
  readonly answered: number;
  /** Lets nothing more through, without closing a connection: what a server has sent may wait in many buffers. */
  stall(): void;
  /** As `cut`, in the middle of whatever is being said, and lets nobody in again until `unblock`. */
  block(): void;
  unblock(): void;
}

/** Calls `onAnswer` once, when so many bytes of answers have gone through. */
export async function startProxy(target: Endpoint, bytes: number, onAnswer: (proxy: Proxy) => void): Promise<Proxy> {
  let answered = 0;
  let isStalled = false;
  let isBlocked = false;
  const between = await startBetween(target, (client, upstream) => {
    if (isBlocked) return void client.destroy();
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      if (isStalled) return;
      // Cut at the very byte: the last answers often come in one chunk, and would otherwise all be through.
      const before = chunk.subarray(0, Math.max(0, bytes - answered));
      const isBefore = answered < bytes;
      answered += chunk.length;
      client.write(before);
      if (isBefore && answered >= bytes) onAnswer(proxy);
      if (!isStalled && !client.destroyed) client.write(chunk.subarray(before.length));
    });
  });

  const proxy: Proxy = {
    ...between,
    get answered() {
      return answered;
    },
    stall() {
      isStalled = true;
    },
    block() {
      isBlocked = true;
      between.cut();
    },
    unblock() {
      isBlocked = false;
    },
  };
  return proxy;
}
