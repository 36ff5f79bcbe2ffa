import { bytesField, intField, messageField, readFields } from './protobuf.ts';

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
  return Buffer.concat([...bytesField(1, key), ...bytesField(2, end), ...intField(3, limit), ...intField(4, revision)]);
}

/** Keys and values are views into `message`, which stays in memory as long as any of them. */
function decodeRange(message: Buffer): RangeResponse {
  const fields = readFields(message);
  const entries: KeyValue[] = [];
  let revision = 0n;
  let more = false;
  let count = 0;
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) revision = decodeHeader(fields.bytes()).revision;
    else if (number === 2) entries.push(decodeKeyValue(fields.bytes()));
    else if (number === 3) more = fields.bool();
    else if (number === 4) count = Number(fields.int());
    else fields.skip();
  }
  return { revision, entries, more, count };
}

/**
 * The same, of the answer to a request. Throws `RangeError` where its keys are others than were asked for, not in ascending
 * order or not as many as it says: no etcd answers so, and a snapshot is built as they come.
 */
export function decodeRangeFor({ key: start, end }: RangeRequest, message: Buffer): RangeResponse {
  const answer = decodeRange(message);
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
  return answer;
}

const nothing: Buffer = Buffer.alloc(0);

function decodeKeyValue(message: Buffer): KeyValue {
  const fields = readFields(message);
  let [key, value, lease] = [nothing, nothing, 0n];
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) key = fields.bytes();
    else if (number === 5) value = fields.bytes();
    else if (number === 6) lease = fields.int();
    else fields.skip();
  }
  return { key, value, lease };
}

function decodeHeader(message: Buffer): { cluster: bigint; revision: bigint } {
  const fields = readFields(message);
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

/** `create_revision(key) == 0`: true where the key is missing. Zero in a `oneof` has to be written all the same. */
function isMissing(key: Uint8Array): Uint8Array[] {
  return [...intField(2, targetCreateRevision), ...bytesField(3, key), Uint8Array.of(5 << 3, 0)];
}

function put({ key, value }: Pair): Uint8Array[] {
  return messageField(2, [...bytesField(1, key), ...bytesField(2, value)]);
}

/** One transaction that creates all the pairs if every one of them is missing, and does nothing else. */
export function encodeCreateAll(pairs: readonly Pair[]): Buffer {
  return Buffer.concat(
    pairs.flatMap((pair) => [...messageField(1, isMissing(pair.key)), ...messageField(2, put(pair))]),
  );
}

/** One transaction that creates each pair if that one is missing, and else reads what is there. */
export function encodeCreateEach(pairs: readonly Pair[]): Buffer {
  const inner = (pair: Pair) => [
    ...messageField(1, isMissing(pair.key)),
    ...messageField(2, put(pair)),
    ...messageField(3, messageField(1, bytesField(1, pair.key))),
  ];
  return Buffer.concat(pairs.flatMap((pair) => messageField(2, messageField(4, inner(pair)))));
}

/** One transaction that would create a key if an impossible thing were true: etcd looks at the right to put, and no more. */
export function encodeCreateNever(key: Uint8Array): Buffer {
  const isNegative = [...intField(1, resultLess), ...isMissing(key)];
  return Buffer.concat([...messageField(1, isNegative), ...messageField(2, put({ key, value: new Uint8Array() }))]);
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
  const fields = readFields(message);
  const responses: OpResponse[] = [];
  let succeeded = false;
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 2) succeeded = fields.bool();
    else if (number === 3) responses.push(decodeOp(fields.bytes()));
    else fields.skip();
  }
  return { succeeded, responses };
}

function decodeOp(message: Buffer): OpResponse {
  const fields = readFields(message);
  let op: OpResponse = {};
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) op = { range: decodeRange(fields.bytes()) };
    else if (number === 4) op = { txn: decodeTxn(fields.bytes()) };
    else fields.skip();
  }
  return op;
}

export interface StatusResponse {
  readonly cluster: bigint;
  readonly version: string;
}

export function decodeStatus(message: Buffer): StatusResponse {
  const fields = readFields(message);
  let [cluster, version] = [0n, ''];
  for (let number = fields.next(); number !== 0; number = fields.next()) {
    if (number === 1) cluster = decodeHeader(fields.bytes()).cluster;
    else if (number === 2) version = fields.bytes().toString();
    else fields.skip();
  }
  return { cluster, version };
}
