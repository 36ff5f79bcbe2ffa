import { status } from '@grpc/grpc-js';
import type { Node } from '../snapshot/node.ts';
import { latin1 } from '../snapshot/paths.ts';
import { formatEndpoint, formatRoot } from './address.ts';
import { type EtcdAddress, openClient } from './etcd/client.ts';
import { encodeCreateNever } from './etcd/codec.ts';
import { createPairs } from './etcd/create.ts';
import { explain, isFailure } from './etcd/failure.ts';
import { encodeRangeEnds, nodeRange, rangesOf } from './etcd/ranges.ts';
import { batchesOf, denied, readPages } from './etcd/read.ts';
import type { ReadEvent, ReadOptions, Service, Traits } from './service.ts';

const traits: Traits = {
  kind: 'etcd',
  ordered: true,
  valueAndChildren: true,
  nullLeaf: false,
  parentsFirst: false,
  pointInTime: true,
  // A request is at most 1.5 MiB by default; the rest is for the key and the frame.
  maxValueBytes: 1_500_000,
};

/**
 * etcd, version 3. A root that ends with a slash is everything below it; one that does not is a node as well. Keys with
 * a lease belong to running clients.
 */
export function openEtcd(address: EtcdAddress): Service {
  const client = openClient(address);
  const { root, timeout, user } = address;
  const top = latin1(root);
  const leases = new Map<bigint, Promise<{ readonly [name: string]: string }>>();

  return {
    traits,
    root,

    async identity() {
      const { cluster, version } = await explaining(client.status());
      const scheme = address.tls ? 'etcd+tls' : 'etcd';
      return {
        version,
        source: `${scheme}://${address.endpoints.map(formatEndpoint).join(',')}${formatRoot(root)}`,
        cluster: cluster.toString(16),
      };
    },

    read,
    refuse,

    async mayCreate(key) {
      try {
        await client.txn(encodeCreateNever(key));
        return undefined;
      } catch (thrown) {
        if (isFailure(thrown, status.PERMISSION_DENIED)) return `no permission to put ${latin1(key)}`;
        throw explain(thrown, timeout);
      }
    },

    async create(nodes, signal) {
      const pairs = nodes.map(({ key, value }) => ({ key, value: value ?? new Uint8Array() }));
      const refused = nodes.map(refuse);
      const outcomes = await explaining(
        createPairs(
          client,
          pairs.filter((_, index) => refused[index] === undefined),
          signal,
        ),
      );
      return pairs.map(
        (pair, index) => outcomes.get(pair) ?? { status: 'failed', reason: refused[index] ?? 'etcd gave no answer' },
      );
    },

    async [Symbol.asyncDispose]() {
      client.close();
    },
  };

  async function* read({ signal, prefixes = [], ephemeral = 'record' }: ReadOptions = {}): AsyncGenerator<ReadEvent> {
    const describeLease = ephemeral === 'skip' ? (lease: bigint) => Promise.resolve(bareLease(lease)) : leaseWithTime;
    const ranges = rangesOf(root, prefixes);
    const rootNode = ranges.find(({ start, end }) => start === top && end === nodeRange(top).end);
    let revision = 0n;
    try {
      if (rootNode && ranges.length > 1 && !(await mayReadRoot())) {
        ranges.splice(ranges.indexOf(rootNode), 1);
        const reason = 'permission denied; to back up only what is below it, end the root with a slash';
        yield { type: 'batch', nodes: [], unreadable: [{ key: root, reason, subtree: false }] };
      }
      for await (const page of readPages(client, ranges, signal)) {
        revision = page.revision;
        yield* batchesOf(page, describeLease);
      }
    } catch (thrown) {
      throw isFailure(thrown, status.PERMISSION_DENIED)
        ? denied(user, ranges[0] ?? nodeRange(top))
        : explain(thrown, timeout);
    }
    yield { type: 'end', consistency: 'exact', revision: String(revision) };
  }

  async function mayReadRoot(): Promise<boolean> {
    try {
      await client.range({ ...encodeRangeEnds(nodeRange(top)), limit: 1, revision: 0n });
      return true;
    } catch (thrown) {
      if (isFailure(thrown, status.PERMISSION_DENIED)) return false;
      throw thrown;
    }
  }

  function leaseWithTime(lease: bigint): Promise<{ readonly [name: string]: string }> {
    const known = leases.get(lease) ?? askLease(lease);
    leases.set(lease, known);
    return known;
  }

  async function askLease(lease: bigint): Promise<{ readonly [name: string]: string }> {
    const { openSession } = await import('./etcd/session.ts');
    const [endpoint] = address.endpoints;
    if (!endpoint) return bareLease(lease);
    await using session = openSession(address, endpoint);
    const seconds = await session.leaseSeconds(lease);
    return seconds === undefined ? bareLease(lease) : { ...bareLease(lease), ttl: seconds };
  }

  function refuse({ key, value, attributes }: Node): string | undefined {
    const name = latin1(key);
    if (name === '') return 'etcd has no empty key';
    if (value === null) return 'etcd has no nodes without a value';
    if (attributes !== undefined) return `etcd cannot hold the attribute ${Object.keys(attributes)[0]}`;
    const inside =
      name.startsWith(top) &&
      (top.endsWith('/') || name.length === top.length || name[top.length] === '/' || top === '');
    return inside ? undefined : `it is not below the root ${top}`;
  }

  async function explaining<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (thrown) {
      throw explain(thrown, timeout);
    }
  }
}

function bareLease(lease: bigint): { readonly [name: string]: string } {
  return { lease: BigInt.asUintN(64, lease).toString(16).padStart(16, '0') };
}
