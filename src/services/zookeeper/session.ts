import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../../errors.ts';
import { type Endpoint, formatEndpoint } from '../address.ts';
import { madeUpBy, silence, slowness } from '../patience.ts';
import { type Calls, makeCalls, type Operation } from './calls.ts';
import { codes, isFailure, strange, ZookeeperFailure } from './failure.ts';
import { type Handshake, shakeHands } from './handshake.ts';
import { JuteReader, JuteWriter } from './jute.ts';
import { type Link, openLink, type Tls } from './link.ts';
import { decodeReplyHeader, decodeWatchEvent, opCodes, type Result, type WatchEvent } from './records.ts';

/** How to get at a ZooKeeper. `tls` present means TLS; its parts are PEM. */
export interface ZookeeperAddress {
  readonly endpoints: readonly Endpoint[];
  /** The node whose tree it is, without a slash at its end; empty for all. */
  readonly root: Uint8Array;
  readonly tls?: Tls | undefined;
  /** For the digest scheme. */
  readonly user?: string;
  readonly password?: string;
  /** How long the servers, all of them together, may be silent or fall behind with answers, in milliseconds. */
  readonly timeout: number;
}

/**
 * One session with an ensemble. Calls are sent in the order in which they are made, without waiting, and the server works
 * them off in that order. A connection that is lost is made again, to the next server, within the timeout; calls that may
 * be repeated are sent again then, and the others fail with `codes.lost`: nobody knows whether they were carried out. All
 * fail with `codes.unreachable` where no server is found in time.
 */
export interface Session {
  /** Rejects with a `ZookeeperFailure`, be it the server's error. */
  call<Item, Answer>(operation: Operation<Item, Answer>, item: Item): Promise<Answer>;
  /**
   * Many calls for much less than the price of each alone. Answers in the order of `items`, the server's errors among them;
   * rejects with a `ZookeeperFailure` where there is no answer to one.
   */
  callEach<Item, Answer>(operation: Operation<Item, Answer>, items: readonly Item[]): Promise<Result<Answer>[]>;
  /** The highest transaction that the servers have told of. */
  readonly zxid: bigint;
  /** The server that it is with, or was last. */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** One call without an answer yet. */
interface Pending {
  readonly calls: Calls;
  readonly index: number;
}

const noPassword = Buffer.alloc(16);
/** What is asked for; the server sets it within limits of its own, of 4 to 40 seconds by default. */
const sessionTimeout = 30_000;
/** Between two attempts to reach a server that was there before, and between two connections that it ends. */
const pause = 100;

/**
 * A server that is just starting may take a connection and never answer on it, so one attempt to come back is not given all
 * of the time.
 */
function mostPatience(timeout: number): number {
  return Math.max(timeout / 4, 1_000);
}

/** Nothing is sent before the first call. `onEvent` is told what happens to watches. */
export function openSession(address: ZookeeperAddress, onEvent: (event: WatchEvent) => void = () => {}): Session {
  const { endpoints, timeout, tls } = address;
  const pending = new Map<number, Pending>();
  let outgoing: Buffer[] = [];
  let link: Link | undefined;
  let isAttaching = false;
  let session = { id: 0n, password: noPassword as Uint8Array, timeout: sessionTimeout };
  let current = 0;
  let nextXid = 1;
  let zxid = 0n;
  /** Moves on with what comes, so that the time since then is what the servers are behind. */
  let waitingSince = 0;
  /** When a connection was lost, until an answer came whole again: parts of one that never does are nothing to wait for. */
  let brokenSince: number | undefined;
  let heardAt = 0;
  let attachedAt = 0;
  let lastSent = 0;
  let closed: (() => void) | undefined;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  function callEach<Item, Answer>(operation: Operation<Item, Answer>, items: readonly Item[]) {
    if (items.length === 0) return Promise.resolve<Result<Answer>[]>([]);
    return new Promise<Result<Answer>[]>((resolve, reject) => {
      const first = takeXids(items.length);
      const calls = makeCalls(operation, items, first, (outcome) =>
        outcome instanceof ZookeeperFailure ? reject(outcome) : resolve(outcome),
      );
      if (pending.size === 0) [waitingSince, brokenSince] = [Date.now(), undefined];
      for (let index = 0; index < items.length; index++) pending.set(first + index, { calls, index });
      timer ??= setInterval(watchTime, Math.min(timeout / 4, 250));
      if (link) send(calls.frames);
      else attach();
    });
  }

  async function call<Item, Answer>(operation: Operation<Item, Answer>, item: Item): Promise<Answer> {
    const [result] = await callEach(operation, [item]);
    if (result?.error !== codes.ok) throw new ZookeeperFailure(result?.error ?? codes.lost, name());
    return result.answer as Answer;
  }

  /** So many numbers in a row; the first of them. */
  function takeXids(count: number): number {
    if (nextXid + count > 0x7fffffff) nextXid = 1;
    nextXid += count;
    return nextXid - count;
  }

  function name(): string {
    const endpoint = endpoints[current % endpoints.length];
    return link?.endpoint ?? (endpoint ? formatEndpoint(endpoint) : '');
  }

  function send(frames: Buffer): void {
    if (outgoing.length === 0) queueMicrotask(flush);
    outgoing.push(frames);
  }

  function flush(): void {
    const [first, ...more] = outgoing;
    outgoing = [];
    lastSent = Date.now();
    if (first) link?.send(more.length > 0 ? Buffer.concat([first, ...more]) : first);
  }

  /** `lost` is why there was no link any more, where there was one. */
  function attach(lost?: ZookeeperFailure): void {
    if (isAttaching) return;
    isAttaching = true;
    reach(lost)
      .finally(() => {
        isAttaching = false;
      })
      .catch((reason: unknown) => failAll(unreachable(reason), () => true));
  }

  /** Servers that never answered are tried once each; one that did is given until the timeout to come back. */
  async function reach(lost: ZookeeperFailure | undefined): Promise<void> {
    const deadline = Math.min(waitingSince, brokenSince ?? waitingSince) + timeout;
    const isFirst = session.id === 0n;
    if (lost && Date.now() - attachedAt < pause) await delay(pause);
    for (let tried = 1; ; tried++) {
      const endpoint = endpoints[current % endpoints.length];
      if (!endpoint) throw new RangeError('there is no endpoint');
      const left = isClosed ? 0 : deadline - Date.now();
      const sharing = endpoints.length - ((tried - 1) % endpoints.length);
      try {
        if (left <= 0) throw lost ?? new ZookeeperFailure(codes.lost, formatEndpoint(endpoint), silence);
        return await reachOne(endpoint, isFirst ? left / sharing : Math.min(left, mostPatience(timeout)));
      } catch (thrown) {
        if (!isFailure(thrown, codes.lost)) throw thrown;
        current += 1;
        const isLast = isFirst ? tried >= endpoints.length : Date.now() + pause >= deadline;
        if (isLast || left <= 0 || thrown.message === strange) throw thrown;
      }
      if (!isFirst && tried % endpoints.length === 0) await delay(pause);
    }
  }

  function unreachable(reason: unknown): ZookeeperFailure {
    if (!(reason instanceof ZookeeperFailure)) return new ZookeeperFailure(codes.unreachable, name(), reasonOf(reason));
    return reason.code === codes.lost
      ? new ZookeeperFailure(codes.unreachable, reason.endpoint, reason.message)
      : reason;
  }

  async function reachOne(endpoint: Endpoint, within: number): Promise<void> {
    const deadline = Date.now() + within;
    let handshake: Handshake | undefined;
    const opened = await openLink(endpoint, tls, within, {
      frame: (frame) => (handshake ? handshake.frame(frame) : take(frame)),
      // A server that begins sessions and answers nothing in them is no better than a silent one.
      heard: (bytes) => {
        if (link) hear(bytes);
      },
      // One that never became the link takes no calls with it.
      closed: (reason) => (link === opened ? lose(reason) : handshake?.fail(reason)),
    });
    try {
      handshake = shakeHands(opened, { ...session, zxid }, address, deadline - Date.now());
      session = await handshake.done;
      handshake = undefined;
      if (isClosed) throw new ZookeeperFailure(codes.lost, opened.endpoint, 'the session was closed');
      link = opened;
      attachedAt = Date.now();
      for (const { calls, index } of pending.values()) send(calls.frame(index));
    } catch (thrown) {
      opened.destroy();
      // No server takes a new one for expired.
      if (!isFailure(thrown, codes.sessionExpired) || session.id === 0n) throw thrown;
      session = { id: 0n, password: noPassword, timeout: sessionTimeout };
      return await reachOne(endpoint, deadline - Date.now());
    }
  }

  function hear(bytes: number): void {
    heardAt = Date.now();
    waitingSince = Math.min(heardAt, waitingSince + madeUpBy(bytes));
  }

  function take(frame: Buffer): void {
    const reader = new JuteReader(frame);
    const header = decodeReplyHeader(reader);
    if (header.zxid > zxid) zxid = header.zxid;
    if (header.xid === -1) onEvent(decodeWatchEvent(reader));
    if (header.xid < 0) return;

    const asked = pending.get(header.xid);
    if (!asked && closed) return;
    if (!asked) throw new RangeError('an answer to nothing that was asked');
    if (header.error === codes.sessionExpired) {
      // The connection ends with the session, and what is pending is sent again in a new one.
      link?.destroy();
      return;
    }
    pending.delete(header.xid);
    brokenSince = undefined;
    try {
      asked.calls.answer(asked.index, header.error, reader);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      asked.calls.fail(new ZookeeperFailure(codes.lost, name(), strange));
    }
  }

  function lose(reason: ZookeeperFailure): void {
    link = undefined;
    outgoing = [];
    closed?.();
    failAll(reason, ({ repeatable }) => !repeatable || closed !== undefined);
    current += 1;
    if (pending.size === 0) return;
    brokenSince ??= Date.now();
    attach(reason);
  }

  function failAll(reason: ZookeeperFailure, which: (calls: Calls) => boolean): void {
    for (const [xid, { calls }] of pending) {
      if (!which(calls)) continue;
      pending.delete(xid);
      calls.fail(reason);
    }
  }

  /** With one server only, to give it up earlier than at the timeout would gain nothing. */
  function watchTime(): void {
    const now = Date.now();
    const patience = endpoints.length > 1 ? timeout / 2 : timeout;
    if (link && pending.size > 0 && now - Math.max(waitingSince, attachedAt) > patience)
      link.destroy(new ZookeeperFailure(codes.lost, link.endpoint, now - heardAt > patience ? silence : slowness));
    else if (link && now - lastSent > session.timeout / 3) send(command(-2, opCodes.ping));
  }

  return {
    call,
    callEach,
    get zxid() {
      return zxid;
    },
    get endpoint() {
      return name();
    },

    async close() {
      isClosed = true;
      clearInterval(timer);
      const last = link;
      if (!last) return;
      const ended = new Promise<void>((resolve) => {
        closed = resolve;
      });
      last.send(command(takeXids(1), opCodes.closeSession));
      await Promise.race([ended, delay(Math.min(timeout, 1_000), undefined, { ref: false })]);
      last.destroy();
    },
  };
}

/** The frame of a request that has nothing to say. */
function command(xid: number, op: number): Buffer {
  return new JuteWriter().frame((writer) => writer.int(xid).int(op)).finish();
}
