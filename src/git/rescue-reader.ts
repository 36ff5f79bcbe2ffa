import fs from 'node:fs';
import git from 'isomorphic-git';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { decodeTree } from '../snapshot/tree.ts';
import { contentOf, damagedObject, prove } from './prove.ts';
import type { ObjectReader } from './reader.ts';
import type { Repository } from './repository.ts';
import { resolveName } from './resolve-name.ts';

/** Reads at once: each opens files, of which a process has a thousand or so. */
const mostAtOnce = 32;

/**
 * Reads with isomorphic-git, in this process: for machines that have no git binary, as one that everything is to be
 * restored on. Ten times slower in bulk, and it holds whole packs in memory. It does not follow alternates.
 */
export function openRescueReader(repository: Repository): ObjectReader {
  const gitdir = repository.commonDir;
  const cache = {};
  const turns = turnstile(mostAtOnce);

  const reader: ObjectReader = {
    resolve: (name) =>
      resolveName(repository, name, {
        async readRef(ref) {
          try {
            return await git.resolveRef({ fs, gitdir, ref });
          } catch (thrown) {
            if (thrown instanceof git.Errors.NotFoundError) return undefined;
            throw new TreekeeperError('integrity', `the ref ${ref} is damaged: ${reasonOf(thrown)}`, { cause: thrown });
          }
        },
        async expand(digits) {
          try {
            return [await git.expandOid({ fs, gitdir, oid: digits, cache })];
          } catch (thrown) {
            if (thrown instanceof git.Errors.AmbiguousError) return thrown.data.matches;
            if (thrown instanceof git.Errors.NotFoundError) return [];
            throw thrown;
          }
        },
      }),

    async read(oid) {
      await turns.enter();
      try {
        const { type, object } = await git.readObject({ fs, gitdir, oid, format: 'content', cache });
        if (type === undefined || !(object instanceof Uint8Array)) throw damagedObject(oid, 'it has no content');
        return prove(oid, type, object);
      } catch (thrown) {
        if (thrown instanceof TreekeeperError) throw thrown;
        throw damagedObject(oid, thrown instanceof git.Errors.NotFoundError ? 'it is missing' : reasonOf(thrown));
      } finally {
        turns.leave();
      }
    },

    ancestors: async () => [],

    async refs() {
      const found = new Map<string, Oid>();
      for (const name of await git.listRefs({ fs, gitdir, filepath: 'refs' })) {
        const oid = await git.resolveRef({ fs, gitdir, ref: `refs/${name}` }).catch(() => undefined);
        if (oid !== undefined) found.set(`refs/${name}`, oid);
      }
      return found;
    },

    readTree: async (oid) => decodeTree(await contentOf(reader.read(oid), 'tree')),
    readBlob: (oid) => contentOf(reader.read(oid), 'blob'),
    [Symbol.asyncDispose]: async () => {},
  };
  return reader;
}

/** Lets so many in at once; the others wait in the order they came. */
function turnstile(most: number): { enter(): Promise<void>; leave(): void } {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return {
    async enter() {
      if (inside === most) await new Promise<void>((resolve) => waiting.push(resolve));
      else inside += 1;
    },
    leave() {
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    },
  };
}
