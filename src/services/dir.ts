import { access, constants, realpath, stat } from 'node:fs/promises';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Node } from '../snapshot/node.ts';
import { latin1 } from '../snapshot/paths.ts';
import { createNode, syncDirectory } from './dir/create.ts';
import { readTree } from './dir/read.ts';
import type { Outcome, Service, Traits } from './service.ts';

const traits: Traits = {
  kind: 'dir',
  ordered: false,
  valueAndChildren: false,
  nullLeaf: true,
  parentsFirst: true,
  pointInTime: false,
  maxValueBytes: 1024 * 1024 * 1024,
};

/**
 * A plain directory as a service: files are leaves, directories are nodes without data, and the executable bit is the
 * attribute `executable`. Keys are relative, without a leading slash; the directory itself is no node. Symbolic links and
 * special files are passed over and never followed.
 */
export function openDir({ path }: { readonly path: string }): Service {
  const top = Buffer.from(path);

  return {
    traits,
    root: new Uint8Array(),

    async identity() {
      const real = await realpath(path).catch(() => path);
      return { version: undefined, source: `dir:${path}`, cluster: real };
    },

    async *read({ signal, absent } = {}) {
      if (await isDirectory(path)) yield* readTree(top, signal);
      else if (absent === 'empty') yield { type: 'end', consistency: 'quiescent', revision: undefined };
      else throw new TreekeeperError('unreachable', `there is no directory ${path}`);
    },

    refuse,

    async mayCreate() {
      try {
        await access(path, constants.W_OK);
        return undefined;
      } catch (cause) {
        return `no permission to write in ${path}: ${reasonOf(cause)}`;
      }
    },

    async create(nodes, signal) {
      const outcomes: Outcome[] = [];
      for (const node of nodes) {
        signal?.throwIfAborted();
        const reason = refuse(node);
        outcomes.push(reason === undefined ? await createNode(top, node) : { status: 'failed', reason });
      }
      return await makeDurable(top, nodes, outcomes);
    },

    async [Symbol.asyncDispose]() {},
  };
}

/** Each file is durable already, and not its name. What could vanish again in a power cut does not count as created. */
async function makeDurable(top: Buffer, nodes: readonly Node[], outcomes: readonly Outcome[]): Promise<Outcome[]> {
  const parentOf = ({ key }: Node) => latin1(key).replace(/\/?[^/]*$/, '');
  const created = nodes.filter((_, index) => outcomes[index]?.status === 'created');
  const problems = new Map<string, string>();
  for (const parent of new Set(created.map(parentOf))) {
    await syncDirectory(Buffer.concat([top, Buffer.from(`/${parent}`, 'latin1')])).catch((cause) => {
      problems.set(parent, `cannot make it durable: ${reasonOf(cause)}`);
    });
  }
  return outcomes.map((outcome, index) => {
    const reason = nodes[index] && problems.get(parentOf(nodes[index]));
    return outcome.status === 'created' && reason !== undefined ? { status: 'failed', reason } : outcome;
  });
}

/** Names that would leave the directory, or that no file can have. */
function refuse({ key, value, attributes }: Node): string | undefined {
  const segments = latin1(key).split('/');
  if (segments.includes('')) return 'a file name cannot be empty';
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'a file cannot be named . or ..';
  if (key.includes(0)) return 'a file name cannot hold a NUL byte';
  if (segments.some((segment) => segment.length > 255)) return 'a file name is at most 255 bytes';

  const unknown = Object.entries(attributes ?? {}).find(
    ([name, content]) => name !== 'executable' || content !== true || value === null,
  );
  return unknown && `a directory cannot hold the attribute ${unknown[0]}`;
}

/** Whether there is a directory, also by way of a link; false only where there is nothing of that name. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return false;
    throw new TreekeeperError('unreachable', `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  throw new TreekeeperError('unreachable', `${path} is not a directory`);
}
