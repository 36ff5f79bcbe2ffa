import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint } from '../../src/services/address.ts';
import { type Between, startBetween } from './between.ts';

/** Milliseconds from one piece to the next. */
const pace = 25;

/** A line that is shared by what passes through it: `bytesPerSecond`, in pieces, and never a silence. */
export function trickling(bytesPerSecond: number): (from: Socket, to: Socket, bytes: Buffer) => Promise<void> {
  const size = Math.max(1, Math.round((bytesPerSecond * pace) / 1000));
  let line: Promise<void> = Promise.resolve();
  return async (from, to, bytes) => {
    from.pause();
    for (let at = 0; at < bytes.length && !to.destroyed; at += size) {
      to.write(bytes.subarray(at, at + size));
      line = line.then(() => delay(pace));
      await line;
    }
    from.resume();
  };
}

/** A relay in front of a server whose answers trickle once so many bytes of them have passed. */
export function startTrickle(target: Endpoint, bytesPerSecond: number, after = 0): Promise<Between> {
  const trickle = trickling(bytesPerSecond);
  let answered = 0;
  return startBetween(target, (client, upstream) => {
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      const quick = chunk.subarray(0, Math.max(0, after - answered));
      answered += chunk.length;
      client.write(quick);
      if (quick.length < chunk.length) trickle(upstream, client, chunk.subarray(quick.length));
    });
  });
}
