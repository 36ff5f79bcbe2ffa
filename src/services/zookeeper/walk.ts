import type { Attributes } from '../../snapshot/node.ts';
import type { ReadOptions } from '../service.ts';
import { attributesOf } from './acl.ts';
import { codes, textOf, ZookeeperFailure } from './failure.ts';
import type { Lanes } from './lanes.ts';
import { childPath } from './paths.ts';
import { type Reads, readAcls } from './reads.ts';
import type { AclEntry, Data, Result } from './records.ts';
import type { Session } from './session.ts';

/** One node as it was read last. */
export interface Found {
  readonly data: Buffer | null;
  readonly attributes: Attributes | undefined;
  /** 0 for a node that stays. */
  readonly owner: bigint;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly aversion: number;
}

/** A tree that is read and held until it is known whether it moved while it was read. */
export interface Walk {
  /** By path; a node comes after the one above it unless it was deleted and made again meanwhile. */
  readonly nodes: ReadonlyMap<string, Found>;
  /** Nodes that we may not read, and so nothing below them either. */
  readonly hidden: ReadonlySet<string>;
  /** Reads the node and everything below it. */
  descend(path: string): Promise<void>;
  /**
   * Reads every node again and takes what moved as it is now. Answers how many nodes did; those that belong to a running
   * client do not count, since they come and go all the time and are not part of what stays.
   */
  verify(): Promise<number>;
}

/** An answer to many reads aims at so many bytes. */
const frameBytes = 1024 * 1024;
const mostReads = 128;
const firstReads = 16;

export function openWalk(
  lanes: Lanes,
  reads: Reads,
  isWanted: (path: string) => boolean,
  { signal, onHeld }: Pick<ReadOptions, 'signal' | 'onHeld'>,
): Walk {
  const nodes = new Map<string, Found>();
  const hidden = new Set<string>();
  const attributes = sharedAttributes();
  let bytes = 0;
  let count = 0;
  let moved = 0;

  function size(): number {
    if (count < firstReads) return firstReads;
    return Math.max(1, Math.min(mostReads, Math.floor((frameBytes * count) / bytes)));
  }

  function drop(path: string): void {
    if (nodes.get(path)?.owner === 0n) moved += 1;
    nodes.delete(path);
  }

  function hide(path: string): void {
    drop(path);
    hidden.add(path);
  }

  function put(path: string, { data, stat }: Data, acl: readonly AclEntry[]): void {
    const { ephemeralOwner: owner, czxid, mzxid, pzxid, aversion } = stat;
    const before = nodes.get(path);
    const isSame = before?.czxid === czxid && before.mzxid === mzxid && before.aversion === aversion;
    if (!isSame && (owner === 0n || before?.owner === 0n)) moved += 1;
    hidden.delete(path);
    nodes.set(path, { data, attributes: attributes(acl), owner, czxid, mzxid, pzxid, aversion });
  }

  async function readData(session: Session, paths: readonly string[]): Promise<Result<Data>[]> {
    const results = await reads.data(session, paths);
    for (const { answer } of results) bytes += 100 + (answer?.data?.length ?? 0);
    count += paths.length;
    return results;
  }

  /** Takes nodes in whose data is there, with their ACLs, and queues the children that are not known yet. */
  async function takeIn(
    session: Session,
    found: readonly { readonly path: string; readonly answer: Data }[],
    queue: string[],
  ): Promise<void> {
    const parents = found.filter(({ answer }) => answer.stat.numChildren > 0).map(({ path }) => path);
    const [acls, lists] = await Promise.all([
      readAcls(
        session,
        found.map(({ path }) => path),
      ),
      parents.length > 0 ? reads.children(session, parents) : [],
    ]);
    for (const [index, { path, answer }] of found.entries()) {
      const acl = acls[index];
      if (acl?.answer) put(path, answer, acl.answer);
      else leaveOut(session, path, acl?.error);
    }
    for (const [index, parent] of parents.entries()) {
      const list = lists[index];
      if (!list?.answer) leaveOut(session, parent, list?.error);
      for (const name of list?.answer ?? []) {
        const path = childPath(parent, name);
        if (!nodes.has(path) && !hidden.has(path) && isWanted(path)) queue.push(path);
      }
    }
  }

  function leaveOut({ endpoint }: Session, path: string, error: number | undefined): void {
    if (error === codes.noNode) drop(path);
    else if (error === codes.noAuth) hide(path);
    else throw new ZookeeperFailure(error ?? codes.lost, endpoint, `reading ${path}: ${textOf(error ?? codes.lost)}`);
  }

  return {
    nodes,
    hidden,

    async descend(top) {
      const queue = [top];
      await lanes.drain(
        queue,
        size,
        async (session, paths) => {
          const results = await readData(session, paths);
          const found = [];
          for (const [index, path] of paths.entries()) {
            const result = results[index];
            if (result?.answer) found.push({ path, answer: result.answer });
            else leaveOut(session, path, result?.error);
          }
          await takeIn(session, found, queue);
          onHeld?.(nodes.size);
        },
        signal,
      );
    },

    async verify() {
      moved = 0;
      await lanes.synchronize();
      const queue = [...nodes.keys(), ...hidden];
      await lanes.drain(
        queue,
        size,
        async (session, paths) => {
          const results = await readData(session, paths);
          const changed = [];
          for (const [index, path] of paths.entries()) {
            const result = results[index];
            if (!result?.answer) leaveOut(session, path, result?.error);
            else if (!isAsBefore(nodes.get(path), result.answer)) changed.push({ path, answer: result.answer });
          }
          await takeIn(session, changed, queue);
        },
        signal,
      );
      return moved;
    },
  };
}

function isAsBefore(before: Found | undefined, { stat }: Data): boolean {
  const { czxid, mzxid, pzxid, aversion } = stat;
  return before?.czxid === czxid && before.mzxid === mzxid && before.pzxid === pzxid && before.aversion === aversion;
}

/** Trees often have a handful of ACLs; equal ones become one object. */
function sharedAttributes(): (acl: readonly AclEntry[]) => Attributes | undefined {
  const known = new Map<string, Attributes | undefined>();
  return (acl) => {
    const name = acl.map(({ perms, scheme, id }) => `${perms}\0${scheme}\0${id}`).join('\0');
    if (!known.has(name)) known.set(name, attributesOf(acl));
    return known.get(name);
  };
}
