import { JuteReader, type JuteWriter } from './jute.ts';

/* The records of ZooKeeper's protocol that treekeeper uses (zookeeper.jute in ZooKeeper's sources), as pairs. */

/** Operations by number (ZooDefs.OpCode). */
export const opCodes = {
  create: 1,
  exists: 3,
  getData: 4,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  check: 13,
  multi: 14,
  createContainer: 19,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
} as const;

/** What a node has beside its data. Times are milliseconds since 1970. */
export interface Stat {
  /** The transactions that created the node, changed its data, and changed its list of children last. */
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  readonly ctime: bigint;
  readonly mtime: bigint;
  readonly version: number;
  /** Counts changes of the list of children; sequential children are numbered by it. */
  readonly cversion: number;
  /** Counts changes of the ACL. */
  readonly aversion: number;
  /** The session that the node dies with; 0 for none. The server hides what container and TTL nodes have here. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** In bytes. */
export const statSize = 68;

export function encodeStat(writer: JuteWriter, stat: Stat): void {
  writer.long(stat.czxid).long(stat.mzxid).long(stat.ctime).long(stat.mtime);
  writer.int(stat.version).int(stat.cversion).int(stat.aversion);
  writer.long(stat.ephemeralOwner).int(stat.dataLength).int(stat.numChildren).long(stat.pzxid);
}

export function decodeStat(reader: JuteReader): Stat {
  const [czxid, mzxid, ctime, mtime] = [reader.long(), reader.long(), reader.long(), reader.long()];
  const [version, cversion, aversion] = [reader.int(), reader.int(), reader.int()];
  const ephemeralOwner = reader.long();
  const [dataLength, numChildren, pzxid] = [reader.int(), reader.int(), reader.long()];
  return { czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren };
}

/** One entry of an ACL: what whoever `scheme` and `id` name may do, as the bits r 1, w 2, c 4, d 8, a 16. */
export interface AclEntry {
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

export function encodeAcl(writer: JuteWriter, acl: readonly AclEntry[]): void {
  writer.int(acl.length);
  for (const { perms, scheme, id } of acl) writer.int(perms).string(scheme).string(id);
}

export function decodeAcl(reader: JuteReader): AclEntry[] {
  return vector(reader, () => ({ perms: reader.int(), scheme: reader.string(), id: reader.string() }));
}

export interface ConnectRequest {
  /** A server that has seen less than this refuses, so that nobody is sent back in time. */
  readonly lastZxidSeen: bigint;
  /** Milliseconds. */
  readonly timeout: number;
  /** 0 for a new session. */
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

export function encodeConnectRequest(writer: JuteWriter, request: ConnectRequest): void {
  const { lastZxidSeen, timeout, sessionId, password } = request;
  // Protocol version 0; and no server that may be cut off from the others, which would answer with old data.
  writer.int(0).long(lastZxidSeen).int(timeout).long(sessionId).buffer(password).bool(false);
}

export interface ConnectResponse {
  /** What the server allows, in milliseconds; 0 means that the session is gone. */
  readonly timeout: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

export function decodeConnectResponse(frame: Buffer): ConnectResponse {
  const reader = new JuteReader(frame);
  reader.int();
  return { timeout: reader.int(), sessionId: reader.long(), password: reader.buffer() ?? new Uint8Array() };
}

export interface ReplyHeader {
  readonly xid: number;
  readonly zxid: bigint;
  readonly error: number;
}

export function decodeReplyHeader(reader: JuteReader): ReplyHeader {
  return { xid: reader.int(), zxid: reader.long(), error: reader.int() };
}

export function encodeAuth(writer: JuteWriter, scheme: string, credentials: Uint8Array): void {
  writer.int(0).string(scheme).buffer(credentials);
}

/** exists, getData and getChildren: without a watch. */
export function encodePathRequest(writer: JuteWriter, path: string): void {
  writer.string(path).bool(false);
}

/** sync and getACL. */
export function encodePath(writer: JuteWriter, path: string): void {
  writer.string(path);
}

export function decodeChildren(reader: JuteReader): string[] {
  return vector(reader, () => reader.string());
}

/** `aversion` is what the ACL has to have been changed so far, or else the server refuses. */
export function encodeSetAcl(writer: JuteWriter, path: string, acl: readonly AclEntry[], aversion: number): void {
  writer.string(path);
  encodeAcl(writer, acl);
  writer.int(aversion);
}

export interface Creation {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acl: readonly AclEntry[];
}

/** `CreateMode` as a number: 0 is persistent, 1 ephemeral, 4 a container. */
export function encodeCreate(writer: JuteWriter, creation: Creation, mode: 0 | 1 | 4 = 0): void {
  encodeCreation(writer, creation);
  writer.int(mode);
}

/** Succeeds only where the data of a node was changed so often. */
export function encodeCheck(writer: JuteWriter, path: string, version: number): void {
  writer.string(path).int(version);
}

/** A node that the server deletes when it had no children and no change for `ttl` milliseconds. */
export function encodeCreateTtl(writer: JuteWriter, creation: Creation, ttl: bigint): void {
  encodeCreation(writer, creation);
  writer.int(5).long(ttl);
}

function encodeCreation(writer: JuteWriter, { path, data, acl }: Creation): void {
  writer.string(path).buffer(data);
  encodeAcl(writer, acl);
}

/** Mode 1 watches the whole tree below the path, for good. */
export function encodeAddWatch(writer: JuteWriter, path: string, mode: 0 | 1): void {
  writer.string(path).int(mode);
}

export interface WatchEvent {
  /** 1 created, 2 deleted, 3 data changed, 4 children changed, -1 none (the state of the connection). */
  readonly type: number;
  readonly path: string;
}

export function decodeWatchEvent(reader: JuteReader): WatchEvent {
  const type = reader.int();
  reader.int();
  return { type, path: reader.string() };
}

/** What is before each operation of a multi or a multiRead. */
export function encodeOp(writer: JuteWriter, op: number): JuteWriter {
  return writer.int(op).bool(false).int(-1);
}

/** What is behind the last of them. */
export function encodeMultiEnd(writer: JuteWriter): void {
  writer.int(-1).bool(true).int(-1);
}

/** What one operation of many gave: its answer, or ZooKeeper's error for it alone. */
export type Result<Answer> =
  | { readonly error: 0; readonly answer: Answer }
  | { readonly error: number; readonly answer: undefined };

export function decodeMulti<Answer>(
  reader: JuteReader,
  decode: (reader: JuteReader, op: number) => Answer,
): Result<Answer>[] {
  const results: Result<Answer>[] = [];
  for (;;) {
    const op = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) return results;
    results.push(op === -1 ? { error: reader.int(), answer: undefined } : { error: 0, answer: decode(reader, op) });
  }
}

/** Who the server takes us for: scheme and name (3.7 and later). */
export function decodeWhoAmI(reader: JuteReader): { readonly scheme: string; readonly user: string }[] {
  return vector(reader, () => ({ scheme: reader.string(), user: reader.string() }));
}

function vector<Item>(reader: JuteReader, read: () => Item): Item[] {
  const length = reader.int();
  const items: Item[] = [];
  for (let index = 0; index < length; index++) items.push(read());
  return items;
}
