import { codes, isFailure } from './failure.ts';
import type { JuteReader } from './jute.ts';
import {
  type AclEntry,
  type Data,
  decodeAcl,
  decodeChildren,
  decodeData,
  decodeMulti,
  encodeMulti,
  encodePath,
  encodePathRequest,
  opCodes,
  type Result,
} from './records.ts';
import { openSession, type Session, type ZookeeperAddress } from './session.ts';

/**
 * Reads of many nodes at once, in the order of `paths`. Reject with a `ZookeeperFailure` where the session as a whole does
 * not work.
 */
export interface Reads {
  data(session: Session, paths: readonly string[]): Promise<Result<Data>[]>;
  children(session: Session, paths: readonly string[]): Promise<Result<string[]>[]>;
}

/** One frame for all of them: only this does without a price per request. Servers from 3.6 on. */
export const batchedReads: Reads = {
  data: (session, paths) => multiRead(session, opCodes.getData, paths, decodeData),
  children: (session, paths) => multiRead(session, opCodes.getChildren, paths, decodeChildren),
};

/** A request for each, sent without waiting. Every server can do it. */
export const pipelinedReads: Reads = {
  data: (session, paths) => eachAlone(session, opCodes.getData, paths, decodeData),
  children: (session, paths) => eachAlone(session, opCodes.getChildren, paths, decodeChildren),
};

/** There is no batched form of this in ZooKeeper. */
export function readAcls(session: Session, paths: readonly string[]): Promise<Result<AclEntry[]>[]> {
  return Promise.all(paths.map((path) => settle(session.call(opCodes.getAcl, encodePath(path), decodeAcl, true))));
}

/**
 * A session, and the reads that its server knows. An old server answers what it does not know by closing the connection,
 * so it is asked on one that can be lost. Rejects with a `ZookeeperFailure` where no server can be reached.
 */
export async function openReads(address: ZookeeperAddress): Promise<{ session: Session; reads: Reads }> {
  const session = openSession(address);
  try {
    await synchronize(session);
    await multiRead(session, opCodes.getData, ['/'], decodeData);
    return { session, reads: batchedReads };
  } catch (thrown) {
    await session.close();
    if (!isFailure(thrown, codes.unimplemented)) throw thrown;
    return { session: openSession(address), reads: pipelinedReads };
  }
}

/** Brings the server that the session is with up to what the ensemble knows now. */
export function synchronize(session: Session): Promise<void> {
  return session.call(opCodes.sync, encodePath('/'), () => {}, true);
}

function multiRead<Answer>(
  session: Session,
  op: number,
  paths: readonly string[],
  decode: (reader: JuteReader) => Answer,
): Promise<Result<Answer>[]> {
  const request = encodeMulti(paths.map((path) => ({ op, request: encodePathRequest(path) })));
  return session.call(opCodes.multiRead, request, (reader) => decodeMulti(reader, decode), true);
}

function eachAlone<Answer>(
  session: Session,
  op: number,
  paths: readonly string[],
  decode: (reader: JuteReader) => Answer,
): Promise<Result<Answer>[]> {
  return Promise.all(paths.map((path) => settle(session.call(op, encodePathRequest(path), decode, true))));
}

/** A node that is not there, or that we may not read, is an answer. */
async function settle<Answer>(call: Promise<Answer>): Promise<Result<Answer>> {
  try {
    return { error: codes.ok, answer: await call };
  } catch (thrown) {
    if (isFailure(thrown, codes.noNode) || isFailure(thrown, codes.noAuth)) {
      return { error: thrown.code, answer: undefined };
    }
    throw thrown;
  }
}
