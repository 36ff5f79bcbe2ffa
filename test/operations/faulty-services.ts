import { TreekeeperError } from '../../src/errors.ts';
import {
  type Outcome,
  type ReadEvent,
  RestartRead,
  type Service,
  type Unreadable,
} from '../../src/services/service.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';

/** Some of a service's nodes cannot be read: a fault that no user of root can be made to see. */
export function withUnreadable(service: Service, hidden: readonly Unreadable[]): Service {
  return {
    ...service,
    async *read(options) {
      const isHidden = (key: Uint8Array) =>
        hidden.some((item) => `${Buffer.from(key)}/`.startsWith(`${Buffer.from(item.key)}/`));
      yield { type: 'batch', nodes: [], unreadable: hidden };
      for await (const event of service.read(options)) {
        if (event.type === 'end') yield event;
        else yield { ...event, nodes: event.nodes.filter(({ key }) => !isHidden(key)) };
      }
    },
  };
}

/** The service, as one of a cluster at a revision. */
export function withOrigin(service: Service, cluster: string | undefined, revision: number): Service {
  return {
    ...service,
    identity: async () => ({ ...(await service.identity()), cluster }),
    async *read(options) {
      for await (const event of service.read(options))
        yield event.type === 'end' ? { ...event, revision: `${revision}` } : event;
    },
  };
}

/**
 * What befalls one node of a read. `vanished`: it is deleted before it is read. `no rights` and `garbled`: it cannot be
 * read. Where nodes have children, those share the first two. `timeout`, `cut`: the read ends there, with an error or
 * without a word. `compacted`: the read has to be started again, once.
 */
export const nodeFaults = ['vanished', 'no rights', 'garbled', 'timeout', 'cut', 'compacted'] as const;
export type NodeFault = (typeof nodeFaults)[number];

/** What a service holds: values by key, one character a byte. */
export type Content = Map<string, Uint8Array>;

/**
 * The service, as one that is nothing but a map in memory, and faulty. It creates `most` nodes, and then cannot be reached
 * any more, so that nobody is told of the last ones.
 */
export function inMemory(
  service: Service,
  content: Content,
  faults: ReadonlyMap<string, NodeFault> = new Map(),
  most: number = Number.POSITIVE_INFINITY,
): Service {
  const { ordered, parentsFirst } = service.traits;
  const unreachable = new TreekeeperError('unreachable', 'it does not answer');
  const isHidden = (key: string) =>
    [...faults].some(
      ([above, fault]) =>
        parentsFirst && (fault === 'no rights' || fault === 'vanished') && key.startsWith(`${above}/`),
    );
  let left = most;
  let restarts = 0;

  function eventOf(key: string, value: Uint8Array): ReadEvent {
    const fault = faults.get(key);
    const node = { key: Buffer.from(key, 'latin1'), value, attributes: undefined, ephemeral: undefined };
    if (fault === 'timeout') throw unreachable;
    if (fault === 'compacted' && restarts++ === 0) throw new RestartRead('it was compacted');
    if (fault === 'vanished') return { type: 'batch', nodes: [] };
    if (fault !== 'no rights' && fault !== 'garbled') return { type: 'batch', nodes: [node] };
    const subtree = parentsFirst && fault === 'no rights';
    return { type: 'batch', nodes: [], unreadable: [{ key: node.key, reason: fault, subtree }] };
  }

  function createOne({ key, value }: Node): Outcome {
    const name = latin1(key);
    const there = content.get(name);
    if (there) return { status: 'exists', same: Buffer.compare(there, value ?? new Uint8Array()) === 0 };
    const slash = name.lastIndexOf('/');
    if (parentsFirst && slash > 0 && !content.has(name.slice(0, slash)))
      return { status: 'failed', reason: 'its parent is not there' };
    if (left-- <= 0) throw unreachable;
    content.set(name, value ?? new Uint8Array());
    return { status: 'created' };
  }

  return {
    ...service,
    identity: async () => ({ version: undefined, source: 'memory', cluster: 'memory' }),
    async *read() {
      const keys = [...content].filter(([key]) => !isHidden(key));
      for (const [key, value] of ordered ? keys.sort(([a], [b]) => (a < b ? -1 : 1)) : keys) {
        if (faults.get(key) === 'cut') return;
        yield eventOf(key, value);
      }
      yield { type: 'end', consistency: 'exact', revision: undefined };
    },
    create: async (nodes) => nodes.map(createOne),
    async [Symbol.asyncDispose]() {},
  };
}
