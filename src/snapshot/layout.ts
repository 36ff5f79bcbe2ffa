/** The services that a store can come from. Format version 1 knows these four. */
export type Kind = 'zookeeper' | 'etcd' | 'consul' | 'dir';

/**
 * How the keys of one kind of service lie in a store's directory. Part of the snapshot format: it never changes for
 * a kind once a snapshot was written with it.
 */
export interface Layout {
  /**
   * `absolute`: every key begins with `/`, which is dropped, and `/` is the root node (ZooKeeper).
   * `relative`: keys stand as they are (Consul, dir).
   * `either`: a key that begins with `/` drops it, any other lies under the marker directory `%rel` (etcd).
   */
  readonly keys: 'absolute' | 'relative' | 'either';
  /**
   * `nodes`: a node with children exists even where it has no value, so a directory is a node by itself (ZooKeeper,
   * dir). `implied`: a directory is a node only where it has a value (etcd, Consul).
   */
  readonly parents: 'nodes' | 'implied';
}

export const layouts: { readonly [kind in Kind]: Layout } = {
  zookeeper: { keys: 'absolute', parents: 'nodes' },
  etcd: { keys: 'either', parents: 'implied' },
  consul: { keys: 'relative', parents: 'implied' },
  dir: { keys: 'relative', parents: 'nodes' },
};
