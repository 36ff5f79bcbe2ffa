import type { ReadEvent, ReadOptions, Service } from '../../src/services/service.ts';
import { openAcl } from '../../src/services/zookeeper/acl.ts';
import { codes, isFailure } from '../../src/services/zookeeper/failure.ts';
import type { JuteWriter } from '../../src/services/zookeeper/jute.ts';
import { encodeCreate, opCodes } from '../../src/services/zookeeper/records.ts';
import type { Session } from '../../src/services/zookeeper/session.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';

export const node = (key: string, value: string | Uint8Array | null, attributes?: Node['attributes']): Node => ({
  key: Buffer.from(key, 'latin1'),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  attributes,
  ephemeral: undefined,
});

export const acl = (...entries: readonly string[]) => ({
  acl: entries.map((entry) => {
    const [, scheme = '', id = '', perms = ''] = /^(\w+):(.*):(\w+)$/.exec(entry) ?? [];
    return { scheme, id, perms };
  }),
});

export async function readAll(service: Service, options: ReadOptions = {}) {
  const nodes = new Map<string, Node>();
  const events: ReadEvent[] = [];
  for await (const event of service.read(options)) {
    events.push(event);
    if (event.type === 'batch') for (const one of event.nodes) nodes.set(latin1(one.key), one);
  }
  const end = events.find(({ type }) => type === 'end');
  const unreadable = events.flatMap((event) => (event.type === 'batch' ? (event.unreadable ?? []) : []));
  return { nodes, unreadable, end: end as Extract<ReadEvent, { type: 'end' }> };
}

/** One request whose answer says nothing but that it was done. */
export function call(session: Session, op: number, encode: (writer: JuteWriter) => void): Promise<void> {
  return session.call({ op, encode, decode: () => {}, repeatable: false }, undefined);
}

/** A node that goes with the session. The driver never makes one. */
export function createEphemeral(session: Session, path: string, data = Buffer.from('held')): Promise<void> {
  return call(session, opCodes.create, (writer) => encodeCreate(writer, { path, data, acl: openAcl }, 1));
}

/** Deletes a node, whatever its version. The driver never does. */
export function remove(session: Session, path: string): Promise<void> {
  return call(session, 2, (writer) => writer.string(path).int(-1));
}

/** Changes the data of a node, or creates it, whatever others do meanwhile. The driver never does the first. */
export async function putNode(session: Session, path: string, data: Buffer): Promise<void> {
  for (;;) {
    try {
      return await call(session, 5, (writer) => writer.string(path).buffer(data).int(-1));
    } catch (thrown) {
      if (!isFailure(thrown, codes.noNode)) throw thrown;
    }
    try {
      return await call(session, opCodes.create, (writer) => encodeCreate(writer, { path, data, acl: openAcl }));
    } catch (thrown) {
      if (!isFailure(thrown, codes.nodeExists)) throw thrown;
    }
  }
}
