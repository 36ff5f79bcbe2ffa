import { EventEmitter } from 'node:events';
import type { Agent } from 'node:http';
import type ConsulPackage from 'consul';
import { reasonOf } from '../../errors.ts';
import { formatEndpoint } from '../address.ts';
import { transportText } from '../transport.ts';
import { ConsulFailure, silence, strange } from './failure.ts';
import { type ConsulAddress, headersOf, targetOf } from './request.ts';
import { decodeJson, encodeOperations, type Operation } from './transaction.ts';

/** The calls that go through the package. Each is answered or fails within the timeout, with a `ConsulFailure`. */
export interface ConsulClient {
  /** What became of the operations as a whole: the decoded body, for refusals (409) too. */
  transact(operations: readonly Operation[]): Promise<unknown>;
  /** Puts a value where there is none, outside of a transaction; false where there is one. */
  putNew(key: string, value: Uint8Array, flags: bigint): Promise<boolean>;
  /** What the agent says of itself. */
  self(): Promise<unknown>;
  datacenters(): Promise<unknown>;
}

/**
 * The package by itself waits for ever on an answer that breaks off, rounds the flags, and has no word for a unix socket in
 * its types; its HTTP client takes our deadline, our JSON and the socket all the same.
 */
export function openClient(address: ConsulAddress, agent: Agent): ConsulClient {
  const { endpoints, timeout, tls, datacenter, partition } = address;
  const packages = new Map<number, Promise<ConsulPackage>>();
  let current = 0;

  async function open(index: number): Promise<ConsulPackage> {
    const { default: Consul } = await import('consul');
    const endpoint = endpoints[index];
    if (!endpoint) throw new RangeError('no such endpoint');
    const json = 'application/json';
    const options = {
      ...targetOf(endpoint),
      secure: tls !== undefined,
      agent,
      headers: headersOf(address),
      encoders: { [json]: encodeOperations },
      decoders: { [json]: decodeJson },
      defaults: {
        ...(datacenter !== undefined && { dc: datacenter }),
        ...(partition !== undefined && { partition }),
      },
    };
    return new Consul(options);
  }

  async function call(
    run: (consul: ConsulPackage, options: { ctx: EventEmitter }) => Promise<unknown>,
  ): Promise<unknown> {
    for (let tried = 1; ; tried++) {
      const index = current;
      packages.set(index, packages.get(index) ?? open(index));
      const consul = await packages.get(index);
      const endpoint = endpoints[index];
      if (!consul || !endpoint) throw new RangeError('no such endpoint');
      try {
        return await withDeadline(formatEndpoint(endpoint), (ctx) => run(consul, { ctx }));
      } catch (thrown) {
        if (!(thrown instanceof ConsulFailure) || thrown.status !== 0 || tried >= endpoints.length) throw thrown;
        if (current === index) current = (index + 1) % endpoints.length;
      }
    }
  }

  function withDeadline(endpoint: string, run: (ctx: EventEmitter) => Promise<unknown>): Promise<unknown> {
    const ctx = new EventEmitter();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new ConsulFailure(0, endpoint, silence));
        ctx.emit('cancel');
      }, timeout);
      run(ctx)
        .then(resolve, (thrown: unknown) => {
          const { status, body, message } = partsOf(thrown);
          if (status === 409) resolve(body);
          else reject(new ConsulFailure(status, endpoint, message));
        })
        .finally(() => clearTimeout(timer));
    });
  }

  return {
    transact: (operations) =>
      // The package hands its operations to the encoder, which is ours.
      call((consul, options) => consul.transaction.create(operations as never[], options as never)),

    async putNew(key, value, flags) {
      const pair = { key, value: value as never, cas: 0, flags: flags.toString() as never };
      const answer = await call((consul, options) => consul.kv.set({ ...pair, ...options }) as Promise<unknown>);
      return answer === true;
    },
    self: () => call((consul, options) => consul.agent.self(options as never)),
    datacenters: () => call((consul, options) => consul.catalog.datacenters(options as never)),
  };
}

/** The package's errors carry the response where there was one. */
function partsOf(thrown: unknown): { status: number; body: unknown; message: string } {
  const { response } = thrown as { response?: { statusCode?: number; body?: unknown } };
  if (!response) {
    const isCodec = thrown instanceof Error && thrown.name === 'CodecError';
    return { status: 0, body: undefined, message: isCodec ? strange : transportText(thrown) };
  }
  const { statusCode = 0, body } = response;
  const text = typeof body === 'string' ? body : Buffer.isBuffer(body) ? body.toString('utf8') : reasonOf(thrown);
  return { status: statusCode, body, message: text.trim().slice(0, 300) };
}
