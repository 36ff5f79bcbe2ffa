import type { ObjectSource, Oid } from '../snapshot/objects.ts';

export type ObjectType = 'blob' | 'tree' | 'commit' | 'tag';

export interface GitObject {
  readonly oid: Oid;
  readonly type: ObjectType;
  readonly content: Uint8Array;
}

/**
 * Read access to the names and objects of a repository. There are two implementations, git's own
 * `cat-file` and isomorphic-git (for machines without a git binary); walks, history and diffs are written
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
  /**
   * The ids of a commit and of those before it along the first parents, so many at most: what is worth asking for at
   * once. Nothing but a hint, which may be empty.
   */
  ancestors(oid: Oid, most: number): Promise<readonly Oid[]>;
  /** All refs by their full names, with the ids that they hold. */
  refs(): Promise<ReadonlyMap<string, Oid>>;
}
