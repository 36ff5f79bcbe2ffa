import { TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { isRefName, type Repository, readHead } from './repository.ts';

/** What the two readers know of names. */
export interface NameSource {
  /** The id that a ref of exactly this full name holds; a symbolic ref is followed. */
  readRef(name: string): Promise<Oid | undefined>;
  /** The ids of all objects that begin with these digits. */
  expand(digits: string): Promise<readonly Oid[]>;
}

/** Where a short name is looked for, in git's order (gitrevisions(7)). */
const places = ['refs/tags/', 'refs/heads/', 'refs/remotes/'];

/** Resolves a name as `ObjectReader.resolve` promises, the same way whoever reads. */
export async function resolveName({ gitDir }: Repository, name: string, source: NameSource): Promise<Oid | undefined> {
  if (!isRefName(name)) return undefined;
  if (name.startsWith('refs/')) return source.readRef(name);
  if (name === 'HEAD') {
    const head = await readHead(gitDir);
    return head.startsWith('refs/') ? source.readRef(head) : head;
  }

  // a full id is one, whatever refs are called like it
  if (!/^[0-9a-f]{40}$/.test(name)) {
    for (const place of places) {
      const oid = await source.readRef(place + name);
      if (oid !== undefined) return oid;
    }
  }
  return /^[0-9a-f]{4,40}$/i.test(name) ? expandOne(name.toLowerCase(), source) : undefined;
}

async function expandOne(digits: string, source: NameSource): Promise<Oid | undefined> {
  const [oid, ...others] = await source.expand(digits);
  if (others.length === 0) return oid;
  throw new TreekeeperError('usage', `${digits} is the beginning of ${others.length + 1} ids`, {
    hint: 'write more of it',
  });
}
