import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Endpoint } from '../../src/services/address.ts';
import { trickling } from '../servers/trickle.ts';
import type { Mutation } from './mutations.ts';

/**
 * What can befall a connection. `delay`: nothing passes for a moment. `reset` and `end`: it is over, roughly or politely.
 * `gone`: all connections are over, and there are no new ones. `stall`: nothing passes any more, on any connection.
 * `drip`: from then on everything that goes that way goes byte by byte, so that it is never silent and never done.
 * `change`: other bytes pass, as no network of today does but a bad proxy might. `flood`: the same, and behind them come
 * zeros without an end.
 */
export type Harm = 'delay' | 'reset' | 'end' | 'gone' | 'stall' | 'drip' | 'change' | 'flood';

const sides = ['request', 'answer'] as const;
export type Side = (typeof sides)[number];

export interface Fault {
  readonly side: Side;
  /** How many bytes have gone that way before, on all connections together. */
  readonly at: number;
  readonly harm: Harm;
  /** What passes in the place of these bytes, the first of which is the one at `at`; for the harm `change`. */
  readonly mutation: Mutation;
}

/** The words for a fault in what is reported. */
export function describeFault({ side, at, harm, mutation }: Fault): string {
  const what = harm === 'change' ? mutation.name : harm === 'flood' ? `${mutation.name} and a flood` : harm;
  return `${what} at byte ${at} of the ${side}s`;
}

/** A relay in front of a server that does one thing to what passes through it. */
export interface Relay extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** How many bytes passed each way. */
  readonly passed: { readonly [side in Side]: number };
  /** Where the pieces of each way began, as they came: often a frame of the protocol begins there. */
  readonly pieces: { readonly [side in Side]: readonly number[] };
}

const pauseTime = 200;
/** Bytes a second. */
const dripRate = 40;

function* zeros(): Generator<Buffer> {
  const some = Buffer.alloc(1024 * 1024);
  for (;;) yield some;
}

export async function startRelay(target: Endpoint, fault?: Fault): Promise<Relay> {
  const sockets = new Set<Socket>();
  const passed = { request: 0, answer: 0 };
  const pieces: { [side in Side]: number[] } = { request: [], answer: [] };
  const drip = trickling(dripRate);
  let dripping: Side | undefined;
  let isStalled = false;
  let isGone = false;

  const server = createServer((client) => {
    if (isGone) return void client.destroy();
    const upstream = connect(target);
    join('request', client, upstream);
    join('answer', upstream, client);
  });

  function join(side: Side, from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('error', () => {});
    from.once('close', () => {
      sockets.delete(from);
      to.end();
    });
    from.on('data', (chunk) => {
      if (isStalled) return;
      const before = fault?.side === side ? fault.at - passed[side] : -1;
      pieces[side].push(passed[side]);
      passed[side] += chunk.length;
      if (dripping === side) return void drip(from, to, chunk);
      if (!fault || before < 0 || before >= chunk.length) return void to.write(chunk);
      if (before > 0) to.write(chunk.subarray(0, before));
      hurt(fault, from, to, chunk.subarray(before));
    });
  }

  function hurt({ side, harm, mutation }: Fault, from: Socket, to: Socket, rest: Buffer): void {
    if (harm === 'delay') {
      from.pause();
      setTimeout(() => {
        to.write(rest);
        from.resume();
      }, pauseTime);
    } else if (harm === 'stall') isStalled = true;
    else if (harm === 'drip') {
      dripping = side;
      drip(from, to, rest);
    } else if (harm === 'reset') {
      from.resetAndDestroy();
      to.resetAndDestroy();
    } else if (harm === 'end') {
      to.end();
      from.destroy();
    } else if (harm === 'gone') {
      isGone = true;
      for (const socket of sockets) socket.destroy();
    } else to.write(mutation.change(rest));
    if (harm === 'flood') {
      from.pause();
      pipeline(zeros, to).catch(() => {});
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: { host: '127.0.0.1', port: (server.address() as { port: number }).port },
    passed,
    pieces,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
