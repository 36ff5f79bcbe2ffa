import { expect } from 'vitest';
import type { Outcome, ReadEvent, Service, Unreadable } from '../../src/services/service.ts';
import type { Attributes, Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';

/** One kind of service, as the suite needs it. */
export interface Subject {
  /** A service over a fresh, empty store. Disposing of it ends whatever it stands on. */
  open(): Promise<Opened>;
  /** Attributes that the service can hold beside a value, where it can hold any. */
  readonly attributes?: Attributes;
}

export interface Opened extends AsyncDisposable {
  readonly service: Service;
  /** A key of that name, below the root and as this service writes keys; one character per byte. */
  key(name: string): Uint8Array;
  /** Another connection to the same store. */
  second(): Promise<Service>;
  /** What another client finds under a key: its bytes, `null` for a node without data, `undefined` for none. */
  witness(key: Uint8Array): Promise<Uint8Array | null | undefined>;
}

export function leaf(key: Uint8Array, value: Uint8Array | null): Node {
  return { key, value, attributes: undefined, ephemeral: undefined };
}

/** Where parents are nodes, they are created without data first; one that is there already is as good. */
export async function createWithParents(service: Service, node: Node): Promise<Outcome> {
  const name = latin1(node.key);
  const parents: Node[] = [];
  for (
    let slash = name.indexOf('/', 1);
    service.traits.parentsFirst && slash > 0;
    slash = name.indexOf('/', slash + 1)
  ) {
    parents.push(leaf(Buffer.from(name.slice(0, slash), 'latin1'), null));
  }
  if (service.refuse(node) === undefined) await service.create(parents);
  const [outcome] = await service.create([node]);
  if (!outcome) throw new Error('the driver gave no outcome');
  return outcome;
}

export async function readAll(service: Service, prefixes: readonly Uint8Array[] = [], signal?: AbortSignal) {
  const nodes: Node[] = [];
  const unreadable: Unreadable[] = [];
  let ends = 0;
  let last: ReadEvent['type'] | undefined;
  for await (const event of service.read({ prefixes, ...(signal && { signal }) })) {
    last = event.type;
    if (event.type === 'end') ends += 1;
    // A batch's memory may be used again once the next one comes.
    else
      for (const node of event.nodes)
        nodes.push({ ...node, key: Buffer.from(node.key), value: node.value && Buffer.from(node.value) });
    if (event.type === 'batch') unreadable.push(...(event.unreadable ?? []));
  }
  expect(last).toBe('end');
  expect(unreadable).toEqual([]);
  return { nodes, ends };
}

export function names({ nodes }: { nodes: readonly Node[] }): string[] {
  return nodes.map(({ key }) => latin1(key));
}

export function plain({ key, value, attributes, ephemeral }: Node) {
  return { key: latin1(key), value: bytes(value), attributes, ephemeral };
}

export function bytes(value: Uint8Array | null | undefined): string | null | undefined {
  return value && Buffer.from(value).toString('base64');
}
