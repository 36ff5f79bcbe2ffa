import { lookup } from 'node:dns';
import type { Agent } from 'node:http';
import { type Endpoint, formatEndpoint, isSocket } from '../address.ts';
import { silence } from '../patience.ts';
import { ConsulFailure, failureOf } from './failure.ts';

/** A transaction as Consul answered it: what is wrong with which of its operations, or the entries that it found. */
export interface TransactionAnswer {
  readonly errors: readonly { readonly index: number; readonly what: string }[];
  readonly found: readonly Found[];
}

export interface Found {
  readonly key: string;
  readonly value: Uint8Array;
  /** As a decimal number. */
  readonly flags: string;
}

/** The requests that write. Each is answered or fails within the timeout, with a `ConsulFailure`. */
export interface Transactions {
  /** Operations are JSON, each of them. All of them are done, or none. */
  transact(operations: readonly string[]): Promise<TransactionAnswer>;
  /** Creates one key where it is missing; false where it exists. */
  create(key: string, value: Uint8Array, flags: string): Promise<boolean>;
}

/** What is used of the package. Its own types know neither buffers in answers nor deadlines. */
interface Package {
  readonly transaction: { create(operations: readonly string[], options: object): Promise<unknown> };
  readonly kv: { set(options: object): Promise<unknown> };
}

export interface TransactionsInput {
  readonly endpoint: Endpoint;
  readonly agent: Agent;
  readonly secure: boolean;
  readonly headers: { readonly [name: string]: string };
  /** Added to each request: datacenter and partition. */
  readonly defaults: { readonly dc?: string; readonly partition?: string };
  readonly timeout: number;
}

/**
 * Opens the package `consul` on one endpoint. It has no deadline of its own, and waits for ever where a body is cut off;
 * its JSON rounds 64-bit integers, so that operations are written and answers read here.
 */
export async function openTransactions(input: TransactionsInput): Promise<Transactions> {
  const { endpoint, agent, secure, headers, defaults, timeout } = input;
  const name = formatEndpoint(endpoint);
  const { default: Consul } = await import('consul');
  const options = {
    baseUrl: `${secure ? 'https' : 'http'}://${isSocket(endpoint.host) ? 'localhost' : name}/v1`,
    ...(isSocket(endpoint.host) && { socketPath: endpoint.host }),
    agent,
    headers,
    defaults,
    // It leaves the brackets around an IPv6 address.
    lookup: (host: string, ...rest: [object, () => void]) => lookup(host.replace(/[[\]]/g, ''), ...rest),
    encoders: { 'application/json': (operations: readonly string[]) => Buffer.from(`[${operations.join(',')}]`) },
    decoders: { 'application/json': (body: Buffer) => body },
  };
  const consul = new Consul(options) as unknown as Package;

  return {
    async transact(operations) {
      const body = await answered(consul.transaction.create(operations, { consistent: true, timeout }), true);
      return readAnswer(body, operations.length);
    },

    async create(key, value, flags) {
      const body = await answered(consul.kv.set({ key, value, flags, cas: '0', timeout }), false);
      const answer = String(body).trim();
      if (answer !== 'true' && answer !== 'false') throw new ConsulFailure('FOREIGN', '', name);
      return answer === 'true';
    },
  };

  /** A transaction that is rolled back is answered with the status 409, and with what was wrong. */
  async function answered(call: Promise<unknown>, isTransaction: boolean): Promise<Buffer> {
    let body: unknown;
    try {
      body = await call;
    } catch (thrown) {
      const { response, isTimeout } = thrown as { response?: { statusCode: number; body?: unknown }; isTimeout?: true };
      if (isTimeout) throw new ConsulFailure('TIMEOUT', silence, name);
      if (!response) throw failureOf(thrown, name);
      if (response.statusCode !== 409 || !isTransaction)
        throw new ConsulFailure(String(response.statusCode), String(response.body ?? ''), name);
      body = response.body;
    }
    if (!Buffer.isBuffer(body)) throw new ConsulFailure('FOREIGN', '', name);
    return body;
  }

  /** An answer that says neither that all was done nor what was wrong with which operation is not taken for either. */
  function readAnswer(body: Buffer, operations: number): TransactionAnswer {
    try {
      const { Errors, Results } = parseExact(body.toString()) as {
        Errors: { OpIndex: string; What: string }[] | null;
        Results: { KV: { Key: string; Value: string | null; Flags: string } }[] | null;
      };
      const errors = (Errors ?? []).map(({ OpIndex, What }) => ({ index: Number(OpIndex), what: What }));
      const found = (Results ?? []).map(({ KV: { Key, Value, Flags } }) => ({
        key: Key,
        value: Buffer.from(Value ?? '', 'base64'),
        flags: Flags,
      }));
      if ((errors.length > 0 || Array.isArray(Results)) && errors.every(({ index }) => index < operations))
        return { errors, found };
    } catch {
      // Said below.
    }
    throw new ConsulFailure('FOREIGN', 'the answer to a transaction cannot be read', name);
  }
}

/** JSON with its integers as strings: flags have 64 bits, numbers of JSON.parse 53. */
function parseExact(text: string): unknown {
  return JSON.parse(
    text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|\d+/g, (token) => (token.startsWith('"') ? token : `"${token}"`)),
  );
}
