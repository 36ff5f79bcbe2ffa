import { codes, isFailure } from './failure.ts';
import { synchronize } from './reads.ts';
import { openSession, type Session, type ZookeeperAddress } from './session.ts';

/** The server works off the requests of one session one after the other, and several sessions side by side. */
const mostSessions = 8;
/** Work in flight on each. */
const tasksPerSession = 4;
/** One more session is worth its while for so much waiting work. */
const workPerSession = 512;

/** Work that brings forth more work while it is done, shared between sessions that are opened as it grows. */
export interface Lanes {
  /**
   * Calls `visit` with pieces of at most `size()` items of the queue until it is empty, and nothing that is under way can
   * add to it. Rejects with what `visit` first rejects with.
   */
  drain(
    queue: string[],
    size: () => number,
    visit: (session: Session, items: readonly string[]) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  /** Brings every session up to now. */
  synchronize(): Promise<void>;
  /** The highest transaction seen. */
  readonly zxid: bigint;
  /** How many transactions were made by opening more sessions than the first. */
  readonly openings: bigint;
  close(): Promise<void>;
}

export function openLanes(address: ZookeeperAddress, first: Session): Lanes {
  const sessions: { readonly session: Session; active: number }[] = [{ session: first, active: 0 }];
  let opening: Promise<void> | undefined;
  let isFull = false;
  let openings = 0n;

  /**
   * A server may limit the connections of one client; what there is then has to do. A session is a transaction, unless the
   * ensemble has local ones.
   */
  async function openAnother(): Promise<void> {
    const session = openSession(address);
    try {
      await synchronize(first);
      const before = first.zxid;
      await synchronize(session);
      if (session.zxid > before) openings += 1n;
      sessions.push({ session, active: 0 });
    } catch (thrown) {
      isFull = true;
      await session.close();
      if (!isFailure(thrown, codes.unreachable)) throw thrown;
    }
  }

  return {
    drain(queue, size, visit, signal) {
      let taken = 0;
      let active = 0;
      let failed = false;
      return new Promise((resolve, reject) => {
        const fail = (thrown: unknown) => {
          failed = true;
          reject(thrown);
        };

        function pump(): void {
          if (failed) return;
          if (signal?.aborted) {
            fail(signal.reason);
            return;
          }
          for (let lane = idlest(); lane && taken < queue.length; lane = idlest()) start(lane);
          // What was taken is let go from time to time, so that the queue holds what waits and not what was.
          if (taken > 10_000) {
            queue.splice(0, taken);
            taken = 0;
          }
          const waiting = queue.length - taken;
          if (active === 0 && waiting === 0 && !opening) resolve();
          else if (waiting > workPerSession * sessions.length && sessions.length < mostSessions && !isFull) grow();
        }

        function start(lane: { readonly session: Session; active: number }): void {
          const items = queue.slice(taken, taken + size());
          taken += items.length;
          active += 1;
          lane.active += 1;
          visit(lane.session, items).then(() => {
            active -= 1;
            lane.active -= 1;
            pump();
          }, fail);
        }

        function grow(): void {
          opening ??= openAnother().finally(() => {
            opening = undefined;
          });
          opening.then(pump, fail);
        }

        pump();
      });
    },

    async synchronize() {
      await Promise.all(sessions.map(({ session }) => synchronize(session)));
    },
    get zxid() {
      let highest = 0n;
      for (const { session } of sessions) if (session.zxid > highest) highest = session.zxid;
      return highest;
    },
    get openings() {
      return openings;
    },
    async close() {
      await opening?.catch(() => {});
      await Promise.all(sessions.map(({ session }) => session.close()));
    },
  };

  function idlest() {
    let best: { readonly session: Session; active: number } | undefined;
    for (const lane of sessions) if (lane.active < (best?.active ?? tasksPerSession)) best = lane;
    return best;
  }
}
