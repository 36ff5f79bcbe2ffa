import { isUtf8 } from 'node:buffer';
import { TreekeeperError } from '../errors.ts';
import type { Json, Node } from '../snapshot/node.ts';
import { formatEndpoint, formatRoot } from './address.ts';
import { type ConsulAddress, openClient } from './consul/client.ts';
import { createPairs } from './consul/create.ts';
import { ConsulFailure, explain, failureOf } from './consul/failure.ts';
import type { Pair } from './consul/operation.ts';
import { readKeys } from './consul/read.ts';
import { isInside, scopeOf } from './consul/scope.ts';
import { askRights, noRight } from './consul/sight.ts';
import { textOf } from './consul/transport.ts';
import type { ReadEvent, ReadOptions, Service, Traits } from './service.ts';

const traits: Traits = {
  kind: 'consul',
  // Consul walks its tree in the order of the keys' bytes. A key that is not UTF-8 comes at its place, and its name is
  // not known; it is in no earlier snapshot either.
  ordered: true,
  valueAndChildren: true,
  nullLeaf: false,
  parentsFirst: false,
  pointInTime: true,
  maxValueBytes: 512 * 1024,
};

/**
 * Consul's key-value store. A root that ends with a slash is what begins with it; one that does not is a key as well, and
 * what is below it. Keys whose lock is held by a session belong to running clients. Flags are the attribute `flags`, a
 * decimal number. Throws `TreekeeperError('usage')` where the root is not UTF-8, as all keys are that Consul can tell.
 */
export function openConsul(address: ConsulAddress): Service {
  const { root, timeout, datacenter, namespace, partition } = address;
  const top = Buffer.from(root);
  if (!isUtf8(top)) throw new TreekeeperError('usage', `the root ${formatRoot(root)} is not UTF-8`);
  const client = openClient(address);
  const tenancy = {
    ...(namespace !== undefined && { Namespace: namespace }),
    ...(partition !== undefined && { Partition: partition }),
  };

  return {
    traits,
    root,

    async identity() {
      const scheme = address.tls ? 'consul+tls' : 'consul';
      const { home, version } = await explaining(askAgent());
      const parts = [partition, namespace].filter((part) => part !== undefined);
      return {
        version,
        source: `${scheme}://${address.endpoints.map(formatEndpoint).join(',')}${top.length === 0 ? '' : `/${formatRoot(root)}`}`,
        cluster: [datacenter ?? home, ...parts].join('/') || undefined,
      };
    },

    read,
    refuse,

    async mayCreate(key) {
      const [allowed] = (await explaining(askRights(client, [Buffer.from(key).toString()], 'write', undefined))) ?? [];
      return allowed === false ? noRight(`the key ${Buffer.from(key)}`, 'write') : undefined;
    },

    async create(nodes, signal) {
      const pairs = nodes.map(pairOf);
      const refused = nodes.map(refuse);
      const possible = pairs.filter((_, index) => refused[index] === undefined);
      const outcomes = await explaining(createPairs(client, tenancy, possible, signal));
      return pairs.map(
        (pair, index) => outcomes.get(pair) ?? { status: 'failed', reason: refused[index] ?? 'consul gave no answer' },
      );
    },

    async [Symbol.asyncDispose]() {
      client.close();
    },
  };

  async function* read({ signal, prefixes = [] }: ReadOptions = {}): AsyncGenerator<ReadEvent> {
    signal?.throwIfAborted();
    try {
      yield* readKeys(client, root, scopeOf(top, prefixes), signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      throw explain(thrown, timeout);
    }
  }

  /** The agent tells its version to who may read agents, the datacenters to everybody, the nearest one first. */
  async function askAgent(): Promise<{ home: string | undefined; version: string | undefined }> {
    const answer = await client.ask('agent/self', { accept: [403] });
    const text = await textOf(answer);
    try {
      if (answer.status === 200) {
        const { Config } = JSON.parse(text) as { Config: { Datacenter: string; Version: string } };
        return { home: Config.Datacenter, version: Config.Version };
      }
      if (!text.includes('Permission denied')) throw new ConsulFailure('403', text, answer.endpoint);
      const datacenters: string[] = JSON.parse(await textOf(await client.ask('catalog/datacenters')));
      return { home: datacenters[0], version: undefined };
    } catch (thrown) {
      throw failureOf(thrown, answer.endpoint);
    }
  }

  function refuse({ key, value, attributes = {} }: Node): string | undefined {
    if (key.length === 0) return 'consul has no empty key';
    if (value === null) return 'consul has no nodes without a value';
    if (!isUtf8(key)) return 'consul can only be told keys that are UTF-8';
    const { flags, ...others } = attributes;
    const [other] = Object.keys(others);
    if (other !== undefined) return `consul cannot hold the attribute ${other}`;
    if (flags !== undefined && !isUnsigned64(flags)) return 'its flags are no number of 64 bits';
    return isInside(key, root) ? undefined : `it is not below the root ${top}`;
  }

  async function explaining<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (thrown) {
      throw explain(thrown, timeout);
    }
  }
}

function pairOf({ key, value, attributes }: Node): Pair {
  return {
    key: Buffer.from(key).toString(),
    value: value ?? new Uint8Array(),
    flags: String(attributes?.['flags'] ?? '0'),
  };
}

function isUnsigned64(flags: Json): boolean {
  return typeof flags === 'string' && /^(?:0|[1-9]\d{0,19})$/.test(flags) && BigInt(flags) < 2n ** 64n;
}
