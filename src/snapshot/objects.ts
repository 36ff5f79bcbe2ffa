/** A Git object id: 40 lower-case hex digits (SHA-1). */
export type Oid = string;

/** A blob that is no ciphertext or tree of ours is never executable or a link, so these two modes are all we write. */
export const fileMode = '100644';
export const directoryMode = '40000';

/** The id of a blob without content. */
export const emptyBlob: Oid = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';

/** One line of a Git tree. `name` holds one character per byte (latin1), so that any bytes survive. */
export interface TreeEntry {
  /** As Git writes it, without leading zeros: `100644`, `40000`; foreign trees may hold others. */
  readonly mode: string;
  readonly name: string;
  readonly oid: Oid;
}

/**
 * Where a snapshot's objects go. Both calls return the id at once; the object may reach the disk later, and nothing
 * counts until the sink's owner has finished it. Trees, and blobs marked `keep` (keys that are too long for a path), can
 * be read back from the sink before that.
 */
export interface ObjectSink {
  blob(content: Uint8Array, keep?: 'keep'): Oid;
  /** `content` is a serialised tree, as `encodeTree` makes it. */
  tree(content: Uint8Array): Oid;
}

/** Where trees are read from. Throws `TreekeeperError('integrity')` where the object is missing, damaged or no tree. */
export interface TreeSource {
  readTree(oid: Oid): Promise<readonly TreeEntry[]>;
}

/** Where blobs are read from too, on the same terms. */
export interface ObjectSource extends TreeSource {
  readBlob(oid: Oid): Promise<Uint8Array>;
}
