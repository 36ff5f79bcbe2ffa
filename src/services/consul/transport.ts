import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { createSecureContext } from 'node:tls';
import { TreekeeperError } from '../../errors.ts';
import { type Endpoint, formatEndpoint, isSocket } from '../address.ts';
import { madeUpBy, silence, slowness } from '../patience.ts';
import { ConsulFailure, failureOf } from './failure.ts';

/** PEM files as they are, and the name that the certificate has to be for where it is not the host. */
export interface Tls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly serverName?: string;
}

export interface Request {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an endpoint answered. The body comes while it is read, and has to be read to its end. */
export interface Answer {
  readonly endpoint: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Buffer>;
  /** When a short answer has to be whole, as `Date.now()` has it. */
  readonly deadline: number;
}

/** Connections that are used again. Throws `TreekeeperError('usage')` where the TLS files are not usable. */
export function openAgent(tls: Tls | undefined): Agent {
  if (!tls) return new Agent({ keepAlive: true });
  const { serverName, ...files } = tls;
  try {
    createSecureContext(files);
  } catch (cause) {
    throw new TreekeeperError(
      'usage',
      'the TLS files cannot be used: they are no certificate and key in PEM that belong together',
      { cause },
    );
  }
  return new TlsAgent({ keepAlive: true, ...files, ...(serverName !== undefined && { servername: serverName }) });
}

/**
 * Sends one request to one endpoint, over TLS where the agent does. Fails with a `ConsulFailure`, also when the endpoint
 * takes `timeout` milliseconds to begin its answer, or falls as much behind within it.
 */
export function send(
  endpoint: Endpoint,
  agent: Agent,
  { body, ...options }: Request,
  timeout: number,
): Promise<Answer> {
  const name = formatEndpoint(endpoint);
  const start = agent instanceof TlsAgent ? requestTls : request;

  return new Promise((resolve, reject) => {
    const target = isSocket(endpoint.host) ? { socketPath: endpoint.host } : endpoint;
    const sent = start({ ...target, agent, ...options });
    const deadline = Date.now() + timeout;
    const timer = setTimeout(() => sent.destroy(new ConsulFailure('TIMEOUT', silence, name)), timeout);
    sent.on('error', (thrown) => {
      clearTimeout(timer);
      reject(failureOf(thrown, name));
    });
    sent.once('response', (response) => {
      clearTimeout(timer);
      const { statusCode: status = 0, headers } = response;
      resolve({ endpoint: name, status, headers, body: piecesOf(response, name, timeout), deadline });
    });
    sent.end(body);
  });
}

async function* piecesOf(response: IncomingMessage, name: string, timeout: number): AsyncGenerator<Buffer> {
  const pieces = response[Symbol.asyncIterator]();
  /** In milliseconds. The time that the reader takes for a piece is not the endpoint's. */
  let behind = 0;
  try {
    for (;;) {
      const asked = Date.now();
      const why = behind > 0 ? slowness : silence;
      const timer = setTimeout(
        () => response.destroy(new ConsulFailure('TIMEOUT', why, name)),
        Math.max(0, timeout - behind),
      );
      const { done, value } = await pieces.next().finally(() => clearTimeout(timer));
      if (done) return;
      behind = Math.max(0, behind + (Date.now() - asked) - madeUpBy(value.length));
      yield value;
    }
  } catch (thrown) {
    throw failureOf(thrown, name);
  } finally {
    response.destroy();
  }
}

/** The text of a short answer: what a server sends without an end, quickly or slowly, is not waited for. */
export async function textOf({ body, endpoint, deadline }: Answer): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    pieces.push(piece);
    length += piece.length;
    if (Date.now() > deadline) throw new ConsulFailure('TIMEOUT', slowness, endpoint);
    if (length > 1024 * 1024) throw new ConsulFailure('FOREIGN', 'the answer has no end', endpoint);
  }
  return Buffer.concat(pieces).toString();
}
