import { silence } from '../patience.ts';
import { codes, strange, ZookeeperFailure } from './failure.ts';
import { JuteReader, JuteWriter } from './jute.ts';
import type { Link } from './link.ts';
import { decodeConnectResponse, decodeReplyHeader, encodeAuth, encodeConnectRequest, opCodes } from './records.ts';

/** What the server calls a session, and what it has to be shown to go on with it. */
export interface SessionKey {
  /** 0 for none yet. */
  readonly id: bigint;
  readonly password: Uint8Array;
  /** After so many milliseconds without a word from us, the server forgets it. */
  readonly timeout: number;
}

/** The beginning of a connection, until the session is there and the user is known. */
export interface Handshake {
  readonly done: Promise<SessionKey>;
  frame(frame: Buffer): void;
  fail(reason: ZookeeperFailure): void;
}

/** A ConnectResponse is a version, a timeout, an id and 16 bytes of password; since 3.4 a byte for read-only as well. */
const responseSizes = new Set([36, 37]);

/**
 * Begins a session or goes on with one, and authenticates. `done` rejects with a `ZookeeperFailure`: `codes.sessionExpired`
 * where the server does not know the session any more.
 */
export function shakeHands(
  link: Link,
  { id, password, timeout: wanted, zxid }: SessionKey & { readonly zxid: bigint },
  credentials: { readonly user?: string; readonly password?: string },
  timeout: number,
): Handshake {
  const { promise, resolve, reject } = deferred<SessionKey>();
  const timer = setTimeout(() => fail(new ZookeeperFailure(codes.lost, link.endpoint, silence)), timeout);
  let session: SessionKey | undefined;

  function fail(reason: ZookeeperFailure): void {
    clearTimeout(timer);
    reject(reason);
  }

  function finish(key: SessionKey): void {
    clearTimeout(timer);
    resolve(key);
  }

  function connected(frame: Buffer): void {
    if (!responseSizes.has(frame.length)) {
      fail(new ZookeeperFailure(codes.lost, link.endpoint, strange));
      return;
    }
    const response = decodeConnectResponse(frame);
    if (response.timeout <= 0) {
      fail(new ZookeeperFailure(codes.sessionExpired, link.endpoint));
      return;
    }
    session = { id: response.sessionId, password: Buffer.from(response.password), timeout: response.timeout };
    const { user } = credentials;
    if (user === undefined) {
      finish(session);
      return;
    }
    const digest = Buffer.from(`${user}:${credentials.password ?? ''}`);
    send((writer) => encodeAuth(writer.int(-4).int(opCodes.auth), 'digest', digest));
  }

  function send(write: (writer: JuteWriter) => void): void {
    link.send(new JuteWriter().frame(write).finish());
  }

  send((writer) => encodeConnectRequest(writer, { lastZxidSeen: zxid, timeout: wanted, sessionId: id, password }));
  return {
    done: promise,
    fail,
    frame(frame) {
      if (!session) {
        connected(frame);
        return;
      }
      const { xid, error } = decodeReplyHeader(new JuteReader(frame));
      // A session that goes on may be told of its watches first.
      if (xid !== -4) return;
      if (error === codes.ok) finish(session);
      else fail(new ZookeeperFailure(error, link.endpoint));
    },
  };
}

function deferred<Value>() {
  let resolve: (value: Value) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
