import { FieldReader, MessageWriter } from './protobuf.ts';

/*
 * The messages of etcd's API that move the bulk of a backup or restore (rpc.proto and kv.proto of etcd). Everything else
 * goes through etcd3.
 */

export interface RangeRequest {
  readonly key: Uint8Array;
  /** First key behind the range; a lone NUL means no end, and empty only `key` itself. */
  readonly end: Uint8Array;
  /** 0 means no limit. */
  readonly limit: number;
  /** 0 means now. */
  readonly revision: bigint;
  /** How many keys the range must have, where that is known. */
  readonly expected?: number | undefined;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** 0 means none. */
  readonly lease: bigint;
}

export interface RangeResponse {
  readonly revision: bigint;
  readonly entries: readonly KeyValue[];
  readonly more: boolean;
  /** How many keys the range has from its start on, those that are not in this answer included. */
  readonly count: number;
}

export function encodeRange({ key, end, limit, revision }: RangeRequest): Buffer {
  return new MessageWriter().bytes(1, key).bytes(2, end).int(3, limit).int(4, revision).finish();
}

/** Keys and values are views into the message, which stays in memory as long as any of them. */
function decodeRange(fields: FieldReader): RangeResponse {
  const entries: KeyValue[] = [];
  let revision = 0n;
  let more = false;
  let count = 0;
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) revision = decodeHeader(fields.message()).revision;
    else if (number === 2) entries.push(decodeKeyValue(fields.message()));
    else if (number === 3) more = fields.bool();
    else if (number === 4) count = Number(fields.int());
    else fields.skip();
  }
  return { revision, entries, more, count };
}

/**
 * The same, of the answer to a request. Throws `RangeError` where it has no revision, or keys that are others than were asked
 * for, not in ascending order, or not as many as it says or the request: no etcd answers so, and a snapshot is built as they
 * come.
 */
export function decodeRangeFor({ key: start, end, expected }: RangeRequest, message: Buffer): RangeResponse {
  const answer = decodeRange(new FieldReader(message));
  // An answer of no bytes at all says that there are no keys, and is none: the first revision is 1.
  if (answer.revision === 0n) throw new RangeError('it has no revision');
  let before = start;
  for (const [index, { key }] of answer.entries.entries()) {
    const order = Buffer.compare(before, key);
    if (order > 0 || (order === 0 && index > 0)) throw new RangeError('its keys are in no order');
    before = key;
  }
  if (answer.more && answer.entries.length === 0)
    throw new RangeError('it says that there are more keys, and has none');
  const isEndless = end.length === 1 && end[0] === 0;
  const behind = end.length === 0 ? Buffer.concat([start, Uint8Array.of(0)]) : end;
  if (!isEndless && answer.entries.length > 0 && Buffer.compare(before, behind) >= 0)
    throw new RangeError('it has keys that were not asked for');
  const isWhole = answer.more ? answer.count > answer.entries.length : answer.count === answer.entries.length;
  if (!isWhole) throw new RangeError('it has not as many keys as it says');
  if (answer.count !== (expected ?? answer.count))
    throw new RangeError('it has not as many keys as the one before said');
  return answer;
}

const nothing: Buffer = Buffer.alloc(0);

function decodeKeyValue(fields: FieldReader): KeyValue {
  let [key, value, lease] = [nothing, nothing, 0n];
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) key = fields.bytes();
    else if (number === 5) value = fields.bytes();
    else if (number === 6) lease = fields.int();
    else fields.skip();
  }
  return { key, value, lease };
}

function decodeHeader(fields: FieldReader): { cluster: bigint; revision: bigint } {
  let [cluster, revision] = [0n, 0n];
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) cluster = fields.int();
    else if (number === 3) revision = fields.int();
    else fields.skip();
  }
  return { cluster, revision };
}

export interface Pair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const targetCreateRevision = 1;
const resultLess = 2;

/** `create_revision(key) == 0`: true where the key is missing. */
function isMissing(writer: MessageWriter, key: Uint8Array): void {
  writer.int(2, targetCreateRevision).bytes(3, key).oneOfInt(5, 0);
}

function put(writer: MessageWriter, { key, value }: Pair): void {
  writer.message(2, () => writer.bytes(1, key).bytes(2, value));
}

/** One transaction that creates all the pairs if every one of them is missing, and does nothing else. */
export function encodeCreateAll(pairs: readonly Pair[]): Buffer {
  const writer = new MessageWriter();
  for (const pair of pairs) {
    writer.message(1, () => isMissing(writer, pair.key));
    writer.message(2, () => put(writer, pair));
  }
  return writer.finish();
}

/** One transaction that creates each pair if that one is missing, and else reads what is there. */
export function encodeCreateEach(pairs: readonly Pair[]): Buffer {
  const writer = new MessageWriter();
  const createOne = (pair: Pair) => {
    writer.message(1, () => isMissing(writer, pair.key));
    writer.message(2, () => put(writer, pair));
    writer.message(3, () => writer.message(1, () => writer.bytes(1, pair.key)));
  };
  for (const pair of pairs) writer.message(2, () => writer.message(4, () => createOne(pair)));
  return writer.finish();
}

/** One transaction that would create a key if an impossible thing were true: etcd looks at the right to put, and no more. */
export function encodeCreateNever(key: Uint8Array): Buffer {
  const writer = new MessageWriter();
  writer.message(1, () => isMissing(writer.int(1, resultLess), key));
  writer.message(2, () => put(writer, { key, value: new Uint8Array() }));
  return writer.finish();
}

export interface TxnResponse {
  readonly succeeded: boolean;
  readonly responses: readonly OpResponse[];
}

/** What one operation of a transaction answered, where it answered anything that we ask for. */
export interface OpResponse {
  readonly range?: RangeResponse;
  readonly txn?: TxnResponse;
}

export function decodeTxn(message: Buffer): TxnResponse {
  return decodeTxnFields(new FieldReader(message));
}

function decodeTxnFields(fields: FieldReader): TxnResponse {
  const responses: OpResponse[] = [];
  let succeeded = false;
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 2) succeeded = fields.bool();
    else if (number === 3) responses.push(decodeOp(fields.message()));
    else fields.skip();
  }
  return { succeeded, responses };
}

function decodeOp(fields: FieldReader): OpResponse {
  let op: OpResponse = {};
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) op = { range: decodeRange(fields.message()) };
    else if (number === 4) op = { txn: decodeTxnFields(fields.message()) };
    else fields.skip();
  }
  return op;
}

export interface StatusResponse {
  readonly cluster: bigint;
  readonly version: string;
}

export function decodeStatus(message: Buffer): StatusResponse {
  const fields = new FieldReader(message);
  let [cluster, version] = [0n, ''];
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) cluster = decodeHeader(fields.message()).cluster;
    else if (number === 2) version = fields.bytes().toString();
    else fields.skip();
  }
  return { cluster, version };
}
