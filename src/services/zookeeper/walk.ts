import type { Attributes } from '../../snapshot/node.ts';
import type { ReadOptions } from '../service.ts';
import { attributesOf } from './acl.ts';
import { codes, textOf, ZookeeperFailure } from './failure.ts';
import { JuteReader } from './jute.ts';
import type { Lanes } from './lanes.ts';
import type { NodeRecord } from './node-record.ts';
import { childPath } from './paths.ts';
import { type Reads, readAcls } from './reads.ts';
import { decodeAcl, type Result, statSize } from './records.ts';
import type { Session } from './session.ts';

/** One node as it was read last. */
export interface Found {
  readonly record: NodeRecord;
  readonly attributes: Attributes | undefined;
}

/** A tree that is read and held until it is known whether it moved while it was read. */
export interface Walk {
  /** By path; a node comes after the one above it unless it was deleted and made again meanwhile. */
  readonly nodes: Map<string, Found>;
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
  const decodeAttributes = attributesDecoder();
  let bytes = 0;
  let count = 0;
  let moved = 0;

  function size(): number {
    if (count < firstReads) return firstReads;
    return Math.max(1, Math.min(mostReads, Math.floor((frameBytes * count) / bytes)));
  }

  function drop(path: string): void {
    if (nodes.get(path)?.record.isEphemeral === false) moved += 1;
    nodes.delete(path);
  }

  function hide(path: string): void {
    drop(path);
    hidden.add(path);
  }

  function put(path: string, found: Found): void {
    const before = nodes.get(path)?.record;
    const isSame = before !== undefined && found.record.isSameAs(before);
    if (!isSame && (!found.record.isEphemeral || before?.isEphemeral === false)) moved += 1;
    hidden.delete(path);
    nodes.set(path, found);
  }

  async function readRecords(session: Session, paths: readonly string[]): Promise<Result<NodeRecord>[]> {
    const results = await reads.data(session, paths);
    for (const { answer } of results) bytes += answer?.size ?? 0;
    count += paths.length;
    return results;
  }

  /** Takes nodes in whose data is there, with their ACLs, and queues the children that are not known yet. */
  async function takeIn(
    session: Session,
    found: readonly { readonly path: string; readonly record: NodeRecord }[],
    queue: string[],
  ): Promise<void> {
    const parents = found.filter(({ record }) => record.hasChildren).map(({ path }) => path);
    const [acls, lists] = await Promise.all([
      readAcls(
        session,
        found.map(({ path }) => path),
        decodeAttributes,
      ),
      parents.length > 0 ? reads.children(session, parents) : [],
    ]);
    for (const [index, { path, record }] of found.entries()) {
      const acl = acls[index];
      if (acl?.answer) put(path, { record, attributes: acl.answer.attributes });
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
          const results = await readRecords(session, paths);
          const found = [];
          for (const [index, path] of paths.entries()) {
            const result = results[index];
            if (result?.answer) found.push({ path, record: result.answer });
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
          const results = await readRecords(session, paths);
          const changed = [];
          for (const [index, path] of paths.entries()) {
            const result = results[index];
            if (!result?.answer) leaveOut(session, path, result?.error);
            else if (!isAsBefore(nodes.get(path), result.answer)) changed.push({ path, record: result.answer.alone() });
          }
          await takeIn(session, changed, queue);
        },
        signal,
      );
      return moved;
    },
  };
}

function isAsBefore(before: Found | undefined, record: NodeRecord): boolean {
  return before !== undefined && record.isSameAs(before.record) && record.hasSameChildrenAs(before.record);
}

/** Trees often have a handful of ACLs; equal ones are decoded once, and become one object. */
function attributesDecoder(): (reader: JuteReader) => Pick<Found, 'attributes'> {
  const known = new Map<string, Pick<Found, 'attributes'>>();
  return (reader) => {
    // A stat is behind the ACL.
    const acl = reader.bytes(reader.remaining - statSize);
    const name = acl.toString('latin1');
    const found = known.get(name) ?? { attributes: attributesOf(decodeAcl(new JuteReader(acl))) };
    known.set(name, found);
    return found;
  };
}
