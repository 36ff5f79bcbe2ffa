import fs from 'node:fs';
import git from 'isomorphic-git';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { decodeTree } from '../snapshot/tree.ts';
import { contentOf, damagedObject, prove } from './prove.ts';
import type { ObjectReader } from './reader.ts';
import type { Repository } from './repository.ts';

/**
 * Reads with isomorphic-git, in this process: for machines that have no git binary, as one that everything is to be
 * restored on. Ten times slower in bulk, and it holds the indexes of all packs in memory.
 */
export function openRescueReader({ gitDir: gitdir }: Repository): ObjectReader {
  const cache = {};

  const reader: ObjectReader = {
    async resolve(name) {
      if (/^[0-9a-f]{40}$/.test(name)) return (await exists(name)) ? name : undefined;
      try {
        return await git.resolveRef({ fs, gitdir, ref: name });
      } catch {
        return /^[0-9a-f]{4,39}$/.test(name) ? expand(name) : undefined;
      }
    },

    async read(oid) {
      try {
        const { type, object } = await git.readObject({ fs, gitdir, oid, format: 'content', cache });
        return prove(oid, type, object as Uint8Array);
      } catch (cause) {
        if (cause instanceof TreekeeperError) throw cause;
        throw damagedObject(oid, cause instanceof git.Errors.NotFoundError ? 'it is missing' : reasonOf(cause));
      }
    },

    readTree: async (oid) => decodeTree(await contentOf(reader.read(oid), 'tree')),
    readBlob: (oid) => contentOf(reader.read(oid), 'blob'),
    [Symbol.asyncDispose]: async () => {},
  };
  return reader;

  async function exists(oid: string): Promise<boolean> {
    return git.readObject({ fs, gitdir, oid, format: 'deflated', cache }).then(() => true, (error) => !(error instanceof git.Errors.NotFoundError));
  }

  async function expand(name: string): Promise<string | undefined> {
    try {
      return await git.expandOid({ fs, gitdir, oid: name, cache });
    } catch (cause) {
      if (!(cause instanceof git.Errors.AmbiguousError)) return undefined;
      throw new TreekeeperError('usage', `${name} is the beginning of more than one id`, { hint: 'write more of it', cause });
    }
  }
}
