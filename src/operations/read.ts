import { TreekeeperError } from '../errors.ts';
import { type Reading, type ReadOptions, RestartRead, type Service, type Unreadable } from '../services/service.ts';
import type { EphemeralPolicy } from '../snapshot/manifest.ts';
import type { Node } from '../snapshot/node.ts';
import type { RuleSource } from './rules.ts';
import { compileSelection } from './select.ts';

/** Which nodes of a service a store keeps. */
export interface Policy {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly ephemeral: EphemeralPolicy;
  /** Which values are encrypted. None with an empty list; without one, those that the store has encrypted so far. */
  readonly encrypt?: readonly RuleSource[] | undefined;
}

/** A policy that leaves nothing out, for looking at a service as it is. */
export const everything: Policy = { include: [], exclude: [], ephemeral: 'record' };

/** What to do with what is read, in the order in which it comes. */
export interface Visitor {
  node(node: Node): void;
  unreadable(item: Unreadable): Promise<void> | void;
  /** Told before the first node where the service may have more nodes than it shows. */
  hidden?(reason: string): void;
  /** Between batches: the place to wait for whatever cannot keep up. */
  pause?(nodesSoFar: number): Promise<void> | void;
}

/** How a read went, and what it left out on purpose. */
export interface ReadResult extends Reading {
  readonly nodes: number;
  /** Counts by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly unreadable: readonly Unreadable[];
  /** Nodes that the service itself would not take back as they were read: an ACL that it masks. */
  readonly unrestorable: readonly { readonly key: Uint8Array; readonly reason: string }[];
  /** Why the service may have more nodes than it showed. */
  readonly hidden: string | undefined;
}

/**
 * Reads the selected nodes of a service. Ephemeral ones that are kept carry the
 * attribute `ephemeral`. Throws `TreekeeperError('unreachable')` where the stream ends before its end was
 * announced, and lets `RestartRead` through: what the visitor was given so far is then worthless. The service is asked
 * at once, whether or not the visitor is ready yet. `prefixes` narrow the read beyond the policy.
 */
export async function readService(
  service: Service,
  policy: Policy,
  ready: Visitor | Promise<Visitor>,
  options: Pick<ReadOptions, 'signal' | 'prefixes' | 'absent' | 'onHeld'> = {},
): Promise<ReadResult> {
  const selection = await compileSelection(policy.include, policy.exclude);
  const skipped = new Map<string, number>();
  const unreadable: Unreadable[] = [];
  const unrestorable: { key: Uint8Array; reason: string }[] = [];
  let nodes = 0;
  let hidden: string | undefined;

  const skip = (reason: string) => skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  const read = { prefixes: selection.prefixes, ephemeral: policy.ephemeral, ...options };
  const events = begin(service.read(read));
  const visitor = await ready;
  for await (const event of events) {
    if (event.type === 'end') return { ...event, nodes, skipped, unreadable, unrestorable, hidden };

    if (event.hidden !== undefined) {
      hidden = event.hidden;
      visitor.hidden?.(hidden);
    }
    for (const item of event.unreadable ?? []) {
      // What cannot be read and is not selected may hide what is.
      if (!selection.matches(item.key) && !(item.subtree && selection.mayMatchBelow(item.key))) continue;
      unreadable.push(item);
      await visitor.unreadable(item);
    }
    for (const { key, reason } of event.skipped ?? []) if (selection.matches(key)) skip(reason);
    for (const node of event.nodes) {
      if (!selection.matches(node.key)) skip('excluded');
      else if (node.ephemeral === undefined) {
        const reason = node.attributes && service.refuse(node);
        if (reason !== undefined) unrestorable.push({ key: Buffer.from(node.key), reason });
        visit(node);
      } else if (policy.ephemeral === 'skip') skip('ephemeral');
      else visit({ ...node, attributes: { ...node.attributes, ephemeral: node.ephemeral } });
    }
    await visitor.pause?.(nodes);
  }
  throw new TreekeeperError('unreachable', 'the service stopped answering in the middle of the read', {
    hint: 'nothing was recorded; run it again',
  });

  function visit(node: Node): void {
    nodes += 1;
    visitor.node(node);
  }
}

/** The same items, the first of which is asked for now. */
function begin<Item>(items: AsyncIterable<Item>): AsyncIterable<Item> {
  const iterator = items[Symbol.asyncIterator]();
  const first = iterator.next();
  first.catch(() => {});
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (let item = await first; !item.done; item = await iterator.next()) yield item.value;
      } finally {
        await iterator.return?.();
      }
    },
  };
}

/** How often a read that has become worthless is started again before it is given up. */
const mostAttempts = 3;

/** Runs `attempt` until it is not interrupted by `RestartRead`, each time from nothing. */
export async function withRestarts<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof RestartRead)) throw thrown;
      if (number === mostAttempts) {
        throw new TreekeeperError(
          'unreachable',
          `the read had to be started again ${mostAttempts} times: ${thrown.message}`,
          {
            hint: 'the service forgets its old revisions faster than they can be read; read less at once, or compact less often',
            cause: thrown,
          },
        );
      }
    }
  }
}
