import type { ObjectSource, Oid } from '../snapshot/objects.ts';

export type ObjectType = 'blob' | 'tree' | 'commit' | 'tag';

export interface GitObject {
  readonly oid: Oid;
  readonly type: ObjectType;
  readonly content: Uint8Array;
}

/**
 * Read access to the objects of a repository, in two calls. There are two implementations, git's own
 * `cat-file --batch` and isomorphic-git (for machines without a git binary); walks, history and diffs are written
 * once, over this interface.
 */
export interface ObjectReader extends ObjectSource, AsyncDisposable {
  /**
   * The id that a plain name stands for: a full ref name, a branch, a tag, a full or abbreviated (four digits or more)
   * object id, or `HEAD`. No operators (`~`, `^`, `@{}`): those are resolved above. `undefined` where there is no such
   * name. Throws `TreekeeperError('usage')` where an abbreviation is ambiguous. A tag object is not peeled.
   */
  resolve(name: string): Promise<Oid | undefined>;
  /**
   * The object, with its content proven against its id. Calls may overlap, and are answered fastest when many do.
   * Throws `TreekeeperError('integrity')` where it is missing or damaged.
   */
  read(oid: Oid): Promise<GitObject>;
}
