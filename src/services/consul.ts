import { isUtf8 } from 'node:buffer';
import type { Json, Node } from '../snapshot/node.ts';
import { latin1 } from '../snapshot/paths.ts';
import { formatEndpoint, formatRoot } from './address.ts';
import { openClient } from './consul/client.ts';
import { createKeys } from './consul/create.ts';
import { ConsulFailure, explain } from './consul/failure.ts';
import { listKeys } from './consul/list.ts';
import { agentOf, type ConsulAddress } from './consul/request.ts';
import type { Entry } from './consul/scanner.ts';
import { askSight } from './consul/token.ts';
import type { Identity, ReadEvent, ReadOptions, Service, Traits, Unreadable } from './service.ts';

const traits: Traits = {
  kind: 'consul',
  ordered: true,
  valueAndChildren: true,
  nullLeaf: false,
  parentsFirst: false,
  pointInTime: true,
  maxValueBytes: 512 * 1024,
};

/**
 * Consul's keys and values, with their flags. A root that ends with a slash is everything that begins with it; one that does
 * not is the key of that name, and everything below it. Keys that a session has locked belong to running clients.
 */
export function openConsul(address: ConsulAddress): Service {
  const { root, timeout, datacenter, namespace, partition } = address;
  const top = latin1(root);
  const agent = agentOf(address);
  const client = openClient(address, agent);

  return {
    traits,
    root,

    async identity(): Promise<Identity> {
      const { version, cluster } = await explaining(askSelf());
      const scope = [partition && `partition ${partition}`, namespace && `namespace ${namespace}`].filter(Boolean);
      const scheme = address.tls ? 'consul+tls' : 'consul';
      const path = top === '' ? '' : `/${formatRoot(root)}`;
      return {
        version,
        source: `${scheme}://${address.endpoints.map(formatEndpoint).join(',')}${path}`,
        cluster: [datacenter ?? cluster, ...scope].join(', '),
      };
    },

    read,
    refuse,

    async create(nodes, signal) {
      const planned = nodes.map((node) => refuse(node) ?? plan(node));
      const possible = planned.filter((one) => typeof one !== 'string');
      const outcomes = await explaining(createKeys(client, possible, signal));
      return planned.map((one) => {
        if (typeof one === 'string') return { status: 'failed', reason: one };
        return outcomes.get(one) ?? { status: 'failed', reason: 'Consul gave no answer' };
      });
    },

    async [Symbol.asyncDispose]() {
      agent.destroy();
    },
  };

  async function* read({ signal, prefixes = [] }: ReadOptions = {}): AsyncGenerator<ReadEvent> {
    signal?.throwIfAborted();
    try {
      const { index, isFiltered, entries } = await listKeys(address, agent, commonPrefix(prefixes.map(latin1)), signal);
      if (isFiltered) yield { type: 'batch', nodes: [], hidden: 'Consul leaves out what the token may not read' };
      let isEmpty = true;
      for await (const some of entries) {
        isEmpty = false;
        yield batchOf(some);
      }
      if (isEmpty && !isFiltered) yield* explainNothing(await askSight(address, agent, signal));
      yield { type: 'end', consistency: 'exact', revision: index };
    } catch (thrown) {
      throw explain(thrown, timeout);
    }
  }

  function* explainNothing(sight: 'all' | 'nothing' | 'unknown'): Generator<ReadEvent> {
    if (sight === 'nothing') {
      throw new ConsulFailure(
        403,
        address.endpoints.map(formatEndpoint).join(','),
        'Permission denied: anonymous token',
      );
    }
    if (sight === 'unknown') {
      const hidden = 'Consul shows no key at all, and the token may have no right to see any';
      yield { type: 'batch', nodes: [], hidden };
    }
  }

  function batchOf(entries: readonly Entry[]): ReadEvent {
    const nodes: Node[] = [];
    const unreadable: Unreadable[] = [];
    for (const entry of entries) {
      if (!isInside(latin1(entry.key))) continue;
      if (entry.garbled) unreadable.push({ key: entry.key, reason: garbled, subtree: false });
      else nodes.push(nodeOf(entry));
    }
    return { type: 'batch', nodes, ...(unreadable.length > 0 && { unreadable }) };
  }

  function isInside(name: string): boolean {
    if (top === '' || name === top) return true;
    return name.startsWith(top.endsWith('/') ? top : `${top}/`);
  }

  /** What the wanted keys have in common, if that is more than the root. */
  function commonPrefix([first, ...names]: readonly string[]): string {
    if (first === undefined) return top;
    let length = first.length;
    for (const name of names) {
      let same = 0;
      while (same < length && name[same] === first[same]) same++;
      length = same;
    }
    const common = first.slice(0, length);
    return common.startsWith(top) ? common : top;
  }

  function refuse({ key, value, attributes }: Node): string | undefined {
    if (key.length === 0) return 'Consul has no empty key';
    if (value === null) return 'Consul has no nodes without a value';
    const other = Object.keys(attributes ?? {}).find((name) => name !== 'flags');
    if (other !== undefined) return `Consul cannot hold the attribute ${other}`;
    if (attributes !== undefined && parseFlags(attributes['flags']) === undefined) {
      return 'its flags are no number of 64 bits';
    }
    if (!isUtf8(key)) return "Consul's API has only keys in UTF-8";
    return isInside(latin1(key)) ? undefined : `it is not below the root ${top}`;
  }

  function plan({ key, value, attributes }: Node) {
    const text = Buffer.from(key).toString('utf8');
    return { key: text, value: value ?? new Uint8Array(), flags: parseFlags(attributes?.['flags']) ?? 0n };
  }

  /** Whoever may not ask the agent about itself may still ask for the datacenters, the own one first. */
  async function askSelf(): Promise<{ version: string | undefined; cluster: string | undefined }> {
    try {
      const { Config } = (await client.self()) as { Config?: { Version?: string; Datacenter?: string } };
      return { version: Config?.Version, cluster: Config?.Datacenter };
    } catch (thrown) {
      if (!(thrown instanceof ConsulFailure) || thrown.status !== 403) throw thrown;
      const [own] = (await client.datacenters()) as readonly string[];
      return { version: undefined, cluster: own };
    }
  }

  async function explaining<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (thrown) {
      throw explain(thrown, timeout);
    }
  }
}

const garbled = 'its key is not UTF-8, and the API of Consul garbles it; only consul snapshot save has it';

function nodeOf({ key, value, flags, session }: Entry): Node {
  return {
    key,
    value,
    attributes: flags === 0n ? undefined : { flags: flags.toString() },
    ephemeral: session === undefined ? undefined : { session },
  };
}

function parseFlags(json: Json | undefined): bigint | undefined {
  if (json === undefined) return 0n;
  if (typeof json !== 'string' || !/^\d{1,20}$/.test(json)) return undefined;
  const flags = BigInt(json);
  return flags === BigInt.asUintN(64, flags) ? flags : undefined;
}
