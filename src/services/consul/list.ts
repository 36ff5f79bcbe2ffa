import type { Agent, IncomingMessage } from 'node:http';
import { ConsulFailure, strange } from './failure.ts';
import { addressablePrefix, encodePath } from './paths.ts';
import { type ConsulAddress, chunksOf, get, textOf } from './request.ts';
import { type Entry, openScanner } from './scanner.ts';

/** A list of keys, all from one moment, while it comes in. */
export interface Listing {
  /** Consul's index of that moment. */
  readonly index: string;
  /** Consul left out keys that the token may not read. Servers before 1.11 do so without saying it. */
  readonly isFiltered: boolean;
  /** In ascending byte order. Throws a `ConsulFailure` where the list breaks off or is none. */
  readonly entries: AsyncIterable<readonly Entry[]>;
}

/**
 * Asks for all keys that begin with a prefix (one character per byte), and perhaps more, as the leader knows them. Rejects
 * with a `ConsulFailure`.
 */
export async function listKeys(
  address: ConsulAddress,
  agent: Agent,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<Listing> {
  const path = `/v1/kv/${encodePath(addressablePrefix(prefix))}`;
  const { response, endpoint } = await get(address, agent, path, ['recurse', 'consistent'], signal);
  const { statusCode = 0, headers } = response;
  const index = headers['x-consul-index'];
  const isFiltered = headers['x-consul-results-filtered-by-acls'] === 'true';

  if (statusCode !== 200 && statusCode !== 404) {
    const text = (await textOf(response, endpoint, address.timeout)).trim();
    throw new ConsulFailure(statusCode, endpoint, isRedirect(statusCode) ? strange : text.slice(0, 300));
  }
  if (typeof index !== 'string' || !/^\d+$/.test(index)) throw new ConsulFailure(statusCode, endpoint, strange);
  if (headers['x-consul-knownleader'] === 'false') throw new ConsulFailure(statusCode, endpoint, 'No cluster leader');

  // No key at all is a 404 without a body.
  const entries = statusCode === 404 ? emptyBody(response, endpoint, address) : scan(response, endpoint, address);
  return { index, isFiltered, entries };
}

async function* scan(
  response: IncomingMessage,
  endpoint: string,
  { timeout }: ConsulAddress,
): AsyncGenerator<readonly Entry[]> {
  const scanner = openScanner();
  try {
    for await (const chunk of chunksOf(response, endpoint, timeout)) {
      const entries = scanner.push(chunk);
      if (entries.length > 0) yield entries;
    }
    scanner.end();
  } catch (thrown) {
    throw thrown instanceof SyntaxError
      ? new ConsulFailure(200, endpoint, `its list is damaged: ${thrown.message}`)
      : thrown;
  }
}

// biome-ignore lint/correctness/useYield: a list of nothing
async function* emptyBody(
  response: IncomingMessage,
  endpoint: string,
  { timeout }: ConsulAddress,
): AsyncGenerator<readonly Entry[]> {
  const text = await textOf(response, endpoint, timeout);
  if (text !== '') throw new ConsulFailure(404, endpoint, strange);
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}
