import { TreekeeperError } from '../errors.ts';
import type { Node } from '../snapshot/node.ts';
import { latin1 } from '../snapshot/paths.ts';
import { formatEndpoint, formatRoot } from './address.ts';
import type { Outcome, ReadOptions, Service, Traits, Unsettled } from './service.ts';
import { aclOf, decodeText } from './zookeeper/acl.ts';
import { createNodes, type Planned } from './zookeeper/create.ts';
import { codes, explain, isFailure } from './zookeeper/failure.ts';
import { readMarker, readVersion } from './zookeeper/identity.ts';
import { askOwnership, type Ownership, ownAcl } from './zookeeper/ownership.ts';
import { parentPath, refusePath } from './zookeeper/paths.ts';
import { batchesOf, readTree } from './zookeeper/read.ts';
import { pipelinedReads } from './zookeeper/reads.ts';
import type { AclEntry } from './zookeeper/records.ts';
import { rehearseCreation } from './zookeeper/rehearse.ts';
import { openSession, type ZookeeperAddress } from './zookeeper/session.ts';
import { settleAcls } from './zookeeper/settle.ts';

const traits: Traits = {
  kind: 'zookeeper',
  ordered: true,
  valueAndChildren: true,
  nullLeaf: true,
  parentsFirst: true,
  pointInTime: false,
  sequenceDigits: 10,
  // A request is at most 1 MiB less a byte by default; the rest is for the path, the ACL and the frame.
  maxValueBytes: 1_000_000,
};

/**
 * ZooKeeper, 3.4 and later, with ACLs. A root is a node with everything below it. The system's own nodes below /zookeeper
 * are no part of it. Container and TTL nodes look like any other to a client, so they come back as persistent ones.
 */
export function openZookeeper(address: ZookeeperAddress): Service {
  const { root, timeout, user } = address;
  const base = latin1(root);
  const top = base === '' ? '/' : base;
  const writer = openSession(address);
  let ownership: Promise<Ownership> | undefined;
  /** Nodes that still have rights for ourselves alone, those above first. */
  let narrow: Planned[] = [];
  const unsettled: Unsettled[] = [];

  return {
    traits,
    root,

    async identity() {
      const marker = await explaining(readMarker(address, base));
      const scheme = address.tls ? 'zookeeper+tls' : 'zookeeper';
      return {
        version: await readVersion(address),
        source: `${scheme}://${address.endpoints.map(formatEndpoint).join(',')}${formatRoot(root)}`,
        cluster: marker,
      };
    },

    async *read(options = {}) {
      options.signal?.throwIfAborted();
      const { walk, reading } = await explaining(readTree(address, top, options));
      if (walk.hidden.has(top)) throw denied();
      if (walk.nodes.size === 0) await explaining(requirePlace(options));
      yield* batchesOf(walk, top);
      yield { type: 'end', ...reading };
    },

    refuse,

    mayCreate: (key) => explaining(rehearseCreation(writer, latin1(key))),

    async create(nodes, signal) {
      const planned = await explaining(plan(nodes));
      const possible = planned.filter((one) => typeof one !== 'string');
      const created = await explaining(createNodes(writer, possible, signal));
      const byNode = new Map(possible.map((one, index) => [one, created[index]]));
      narrow.push(...possible.filter((one) => isNarrow(one) && byNode.get(one)?.status === 'created'));

      const last = possible.at(-1)?.path ?? '/';
      const isOpen = ({ path }: Planned) => last === path || last.startsWith(`${path}/`) || path === '/';
      await finish(narrow.filter((one) => !isOpen(one)));
      narrow = narrow.filter(isOpen);
      return planned.map((one): Outcome => {
        if (typeof one === 'string') return { status: 'failed', reason: one };
        return byNode.get(one) ?? { status: 'failed', reason: 'ZooKeeper gave no answer' };
      });
    },

    async settle() {
      const rest = narrow;
      narrow = [];
      await finish(rest);
      return unsettled.splice(0);
    },

    async [Symbol.asyncDispose]() {
      await writer.close();
    },
  };

  function refuse({ key, attributes }: Node): string | undefined {
    const path = latin1(key);
    const acl = aclOf(attributes);
    if (typeof acl === 'string') return acl;
    if (path !== top && !path.startsWith(top === '/' ? '/' : `${top}/`)) return `it is not below the root ${top}`;
    return refusePath(path);
  }

  /**
   * A node whose ACL would not let us create its children gets rights for us alone until they are there. Children come
   * soon after their parent, so it is known of all but the last node whether there will be any.
   */
  async function plan(nodes: readonly Node[]): Promise<(Planned | string)[]> {
    const parents = new Set(nodes.map(({ key }) => parentPath(latin1(key))));
    const lastPath = nodes.at(-1) && latin1(nodes.at(-1)?.key ?? root);
    const planned: (Planned | string)[] = [];
    for (const node of nodes) {
      const reason = refuse(node);
      const finalAcl = aclOf(node.attributes);
      if (reason !== undefined || typeof finalAcl === 'string') {
        planned.push(reason ?? String(finalAcl));
        continue;
      }
      const path = latin1(node.key);
      const hasChildren = parents.has(path) || path === lastPath;
      const acl = hasChildren ? await aclToBegin(finalAcl) : finalAcl;
      planned.push({ path, data: node.value, acl, finalAcl });
    }
    return planned;
  }

  async function aclToBegin(acl: readonly AclEntry[]): Promise<readonly AclEntry[]> {
    if (acl.some(({ scheme, perms }) => scheme === 'world' && (perms & 4) !== 0)) return acl;
    ownership ??= askOwnership(address);
    const { letsUsCreate, isSomebody } = await ownership;
    return letsUsCreate(acl) || !isSomebody ? acl : ownAcl;
  }

  async function finish(nodes: readonly Planned[]): Promise<void> {
    if (nodes.length === 0) return;
    const reasons = await explaining(settleAcls(writer, nodes));
    for (const [path, reason] of reasons) unsettled.push({ key: Buffer.from(path, 'latin1'), reason });
  }

  function denied(): TreekeeperError {
    const who = user === undefined ? 'an anonymous client' : `the user ${user}`;
    return new TreekeeperError('unreachable', `zookeeper does not let ${who} read ${top}`, {
      hint: 'give a user with ZOOKEEPER_AUTH=digest:USER:PASSWORD; a wrong password looks the same to ZooKeeper',
    });
  }

  /** There is nothing at the root, which is fine where it may be absent and could be created. */
  async function requirePlace({ absent }: ReadOptions): Promise<void> {
    if (absent !== 'empty') throw missing();
    const above = parentPath(top);
    const [found] = await pipelinedReads.data(writer, [above]);
    if (found?.error !== codes.noNode) return;
    throw new TreekeeperError(
      'unreachable',
      `zookeeper has no node ${decodeText(above)}, which is above the root ${decodeText(top)}`,
      {
        hint: 'create it first: a restore creates the root of its URL, and nothing above that',
      },
    );
  }

  function missing(): TreekeeperError {
    return new TreekeeperError('unreachable', `zookeeper has no node ${top}`, {
      hint: 'is that the right root, and the right cluster?',
    });
  }

  async function explaining<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (thrown) {
      throw isFailure(thrown, codes.noAuth) ? denied() : explain(thrown, timeout);
    }
  }
}

function isNarrow({ acl, finalAcl }: Planned): boolean {
  return acl !== finalAcl;
}
