import type { Operation } from './calls.ts';
import { codes, isFailure, ZookeeperFailure } from './failure.ts';
import type { JuteReader } from './jute.ts';
import { decodeNodeRecord, type NodeRecord } from './node-record.ts';
import {
  decodeChildren,
  decodeMulti,
  encodeMultiEnd,
  encodeOp,
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
  data(session: Session, paths: readonly string[]): Promise<Result<NodeRecord>[]>;
  children(session: Session, paths: readonly string[]): Promise<Result<string[]>[]>;
}

/* The reads that have a batched form. */
const getData: Operation<string, NodeRecord> = {
  op: opCodes.getData,
  encode: encodePathRequest,
  decode: decodeNodeRecord,
  repeatable: true,
};
const getChildren: Operation<string, string[]> = { ...getData, op: opCodes.getChildren, decode: decodeChildren };

/** One frame for all of them: only this does without a price per request. Servers from 3.6 on. */
export const batchedReads: Reads = {
  data: (session, paths) => multiRead(session, getData, paths),
  children: (session, paths) => multiRead(session, getChildren, paths),
};

/** A request for each, sent without waiting. Every server can do it. */
export const pipelinedReads: Reads = {
  data: (session, paths) => eachAlone(session, getData, paths),
  children: (session, paths) => eachAlone(session, getChildren, paths),
};

/** ACLs, as `decode` reads them. There is no batched form of this in ZooKeeper. */
export function readAcls<Acl>(
  session: Session,
  paths: readonly string[],
  decode: (reader: JuteReader) => Acl,
): Promise<Result<Acl>[]> {
  return eachAlone(session, { op: opCodes.getAcl, encode: encodePath, decode, repeatable: true }, paths);
}

/**
 * A session, and the reads that its server knows. An old server answers what it does not know by closing the connection,
 * so it is asked on one that can be lost. Rejects with a `ZookeeperFailure` where no server can be reached.
 */
export async function openReads(address: ZookeeperAddress): Promise<{ session: Session; reads: Reads }> {
  const session = openSession(address);
  try {
    await synchronize(session);
    await multiRead(session, getData, ['/']);
    return { session, reads: batchedReads };
  } catch (thrown) {
    await session.close();
    if (!isFailure(thrown, codes.unimplemented)) throw thrown;
    return { session: openSession(address), reads: pipelinedReads };
  }
}

/** Brings the server that the session is with up to what the ensemble knows now. */
export function synchronize(session: Session): Promise<void> {
  return session.call({ op: opCodes.sync, encode: encodePath, decode: () => {}, repeatable: true }, '/');
}

function multiRead<Answer>(
  session: Session,
  { op, encode, decode }: Operation<string, Answer>,
  paths: readonly string[],
): Promise<Result<Answer>[]> {
  const reads: Operation<readonly string[], Result<Answer>[]> = {
    op: opCodes.multiRead,
    encode(writer, all) {
      for (const path of all) encode(encodeOp(writer, op), path);
      encodeMultiEnd(writer);
    },
    decode: (reader) => decodeMulti(reader, decode),
    repeatable: true,
  };
  return session.call(reads, paths);
}

/** That a node is not there, or that we may not read it, is an answer. */
async function eachAlone<Answer>(
  session: Session,
  read: Operation<string, Answer>,
  paths: readonly string[],
): Promise<Result<Answer>[]> {
  const results = await session.callEach(read, paths);
  const failed = results.find(({ error }) => error !== codes.ok && error !== codes.noNode && error !== codes.noAuth);
  if (failed) throw new ZookeeperFailure(failed.error, session.endpoint);
  return results;
}
