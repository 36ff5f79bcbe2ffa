import { TreekeeperError } from '../errors.ts';
import type { Service, Skipped, Unreadable } from '../services/service.ts';
import type { Kind } from '../snapshot/layout.ts';
import type { Node } from '../snapshot/node.ts';
import type { ZipEntry } from './import-zip.ts';

export type BurryKind = Exclude<Kind, 'dir'>;

/** How burry wrote the nodes of each service (its zk.go, etcd.go, consul.go). */
export interface Habits {
  readonly kind: BurryKind;
  /** What a key begins with: burry cut slashes off. */
  readonly top: '/' | '';
  /** Whether a node that has children has a value too: always, never, or as it happens. */
  readonly innerValues: 'always' | 'never' | 'sometimes';
}

/** By burry's own names of the services. */
export const habits: { readonly [service: string]: Habits } = {
  zk: { kind: 'zookeeper', top: '/', innerValues: 'always' },
  etcd: { kind: 'etcd', top: '/', innerValues: 'never' },
  consul: { kind: 'consul', top: '', innerValues: 'sometimes' },
};

/** What burry calls the file with the value of a node. */
export const contentName = 'content';

/** ZooKeeper's own nodes, which burry saves and no restore may write. */
const systemNodes = '/zookeeper';

/** More than any of the services takes by default; what is larger is no value but an attack. */
const largestValue = 16 * 1024 * 1024;
const largestBatch = 1024 * 1024;

/** An archive as a service that can only be read: its nodes by their keys, one character per byte. */
export function archiveService(
  { kind, innerValues }: Habits,
  nodes: ReadonlyMap<string, ZipEntry | 'ambiguous'>,
  source: string,
): Service {
  const traits = {
    kind,
    ordered: false,
    valueAndChildren: true,
    nullLeaf: true,
    parentsFirst: false,
    pointInTime: false,
    maxValueBytes: largestValue,
  };
  const cannotWrite = async () => {
    throw new Error('an archive can only be read');
  };
  return {
    traits,
    root: new Uint8Array(),
    identity: async () => ({ version: undefined, source, cluster: undefined }),
    refuse: () => 'an archive can only be read',
    mayCreate: cannotWrite,
    create: cannotWrite,
    async [Symbol.asyncDispose]() {},

    async *read({ signal } = {}) {
      const isSystem = (key: string) =>
        kind === 'zookeeper' && (key === systemNodes || key.startsWith(`${systemNodes}/`));
      let batch = newBatch();
      for (const [key, entry] of nodes) {
        signal?.throwIfAborted();
        if (isSystem(key)) batch.skipped.push({ key: bytes(key), reason: 'system' });
        else batch.size += await readNode(key, entry, batch);
        if (batch.size < largestBatch) continue;
        yield { type: 'batch', ...batch };
        batch = newBatch();
      }
      yield { type: 'batch', ...batch };
      const missing = withoutValue(nodes, innerValues).filter((key) => !isSystem(key));
      yield { type: 'batch', ...missingNodes(missing, innerValues === 'sometimes' || nodes.has('/')) };
      yield { type: 'end', consistency: 'fuzzy', window: 'burry reads node by node', revision: undefined };
    },
  };
}

interface Batch {
  readonly nodes: Node[];
  readonly unreadable: Unreadable[];
  readonly skipped: Skipped[];
  /** Of what is in it, in bytes. */
  size: number;
}

function newBatch(): Batch {
  return { nodes: [], unreadable: [], skipped: [], size: 0 };
}

/** Adds a node to a batch, or what keeps it from being read. Answers how many bytes it took. */
async function readNode(name: string, entry: ZipEntry | 'ambiguous', { nodes, unreadable }: Batch): Promise<number> {
  const key = bytes(name);
  const failed = (reason: string) => {
    unreadable.push({ key, reason, subtree: false });
    return key.length;
  };
  if (entry === 'ambiguous') return failed('it is in the archive more than once');
  if (entry.size > largestValue) return failed(`its value of ${entry.size} B is larger than any service takes`);
  try {
    const value = await entry.read();
    nodes.push({ key, value, attributes: undefined, ephemeral: undefined });
    return key.length + value.length;
  } catch (thrown) {
    if (!(thrown instanceof TreekeeperError)) throw thrown;
    return failed(thrown.message);
  }
}

/** Nodes above others that the archive has no value of, where they should have one or burry must have lost it. */
function withoutValue(nodes: ReadonlyMap<string, unknown>, innerValues: Habits['innerValues']): string[] {
  const missing = new Set<string>();
  if (innerValues === 'never') return [];
  for (const key of nodes.keys()) {
    for (let slash = key.lastIndexOf('/'); slash >= 0; slash = key.lastIndexOf('/', slash - 1)) {
      const above = slash === 0 ? '/' : key.slice(0, slash);
      // The value of `a` and the directory of `a/content` have one name, and burry writes only one of them.
      const isLost = innerValues === 'always' || key.slice(slash + 1).split('/', 1)[0] === contentName;
      if (isLost && above !== '' && !nodes.has(above)) missing.add(above);
      if (slash === 0) break;
    }
  }
  return [...missing];
}

/** `areLost`: the burry that made the archive saved the values of nodes with children, or tried to. */
function missingNodes(keys: readonly string[], areLost: boolean): Pick<Batch, 'nodes' | 'unreadable'> {
  const reason = 'burry did not save its value: it could not read the node, or a child is named content';
  if (areLost) return { nodes: [], unreadable: keys.map((key) => ({ key: bytes(key), reason, subtree: false })) };
  const nodes = keys.map((key) => ({ key: bytes(key), value: null, attributes: undefined, ephemeral: undefined }));
  return { nodes, unreadable: [] };
}

function bytes(name: string): Uint8Array {
  return Buffer.from(name, 'latin1');
}
