import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { type Endpoint, formatEndpoint, isSocket } from '../address.ts';
import { transportText } from '../transport.ts';
import { ConsulFailure, silence } from './failure.ts';

/** How to get at a Consul. `tls` present means TLS; its parts are PEM. */
export interface ConsulAddress {
  readonly endpoints: readonly Endpoint[];
  /** What all keys begin with; empty for all. */
  readonly root: Uint8Array;
  readonly tls?:
    | { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly serverName?: string }
    | undefined;
  readonly token?: string;
  readonly datacenter?: string;
  readonly namespace?: string;
  readonly partition?: string;
  /** How long the server may be silent, in milliseconds. */
  readonly timeout: number;
}

/** What goes with every request. */
export function headersOf({ token, namespace }: ConsulAddress): { readonly [name: string]: string } {
  return {
    ...(token !== undefined && { 'X-Consul-Token': token }),
    ...(namespace !== undefined && { 'X-Consul-Namespace': namespace }),
  };
}

/** Where a request goes, for Node and for the package alike. */
export function targetOf({ host, port }: Endpoint): { readonly socketPath: string } | { host: string; port: number } {
  return isSocket(host) ? { socketPath: host } : { host, port };
}

export function agentOf({ tls }: ConsulAddress): HttpAgent {
  const { serverName, ...files } = tls ?? {};
  const name = serverName === undefined ? {} : { servername: serverName };
  return tls ? new HttpsAgent({ keepAlive: true, ...files, ...name }) : new HttpAgent({ keepAlive: true });
}

/**
 * Asks the endpoints in turn until one answers, whatever it says. The body is still to be read, with `chunksOf`. Rejects
 * with a `ConsulFailure`.
 */
export async function get(
  address: ConsulAddress,
  agent: HttpAgent,
  path: string,
  query: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ response: IncomingMessage; endpoint: string }> {
  const { datacenter, partition, endpoints, timeout } = address;
  const scope = [
    ...(datacenter === undefined ? [] : [`dc=${encodeURIComponent(datacenter)}`]),
    ...(partition === undefined ? [] : [`partition=${encodeURIComponent(partition)}`]),
  ];
  const full = [...query, ...scope].join('&');
  let failure: unknown;
  for (const endpoint of endpoints) {
    signal?.throwIfAborted();
    const options: RequestOptions = {
      ...targetOf(endpoint),
      agent,
      headers: headersOf(address),
      path: full === '' ? path : `${path}?${full}`,
      ...(signal && { signal }),
    };
    try {
      const response = await send(address.tls ? httpsRequest : httpRequest, options, formatEndpoint(endpoint), timeout);
      return { response, endpoint: formatEndpoint(endpoint) };
    } catch (thrown) {
      failure = thrown;
    }
  }
  signal?.throwIfAborted();
  throw failure;
}

function send(
  request: typeof httpRequest,
  options: RequestOptions,
  endpoint: string,
  timeout: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (message: string) => reject(new ConsulFailure(0, endpoint, message));
    const asked = request(options, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    const timer = setTimeout(() => {
      fail(silence);
      asked.destroy();
    }, timeout);
    asked.on('error', (error) => {
      clearTimeout(timer);
      fail(transportText(error));
    });
    asked.end();
  });
}

/** The body of an answer, piece by piece. Throws a `ConsulFailure` where it breaks off, or nothing comes in time. */
export async function* chunksOf(response: IncomingMessage, endpoint: string, timeout: number): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = response[Symbol.asyncIterator]();
  try {
    for (let next = await within(chunks.next()); !next.done; next = await within(chunks.next())) yield next.value;
  } catch (thrown) {
    throw thrown instanceof ConsulFailure ? thrown : new ConsulFailure(0, endpoint, transportText(thrown));
  } finally {
    response.destroy();
  }

  /** Only waiting counts: who reads slowly has no reason to be told that the server is silent. */
  function within(next: Promise<IteratorResult<Buffer>>): Promise<IteratorResult<Buffer>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ConsulFailure(0, endpoint, silence)), timeout);
    });
    return Promise.race([next, late]).finally(() => clearTimeout(timer));
  }
}

/** A short body as text. */
export async function textOf(response: IncomingMessage, endpoint: string, timeout: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(response, endpoint, timeout)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
