/** Any value that JSON can hold. 64-bit integers are strings, since JSON numbers lose them. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * What a node has beside its value and what a restore needs: ACL, flags, mode. Only what differs from the service's
 * default; `undefined` where nothing does. Volatile facts (revision, mtime) never belong here.
 */
export type Attributes = { readonly [name: string]: Json };

/** One entry of a service: ZooKeeper's znode, etcd's and Consul's key, a file or directory. */
export interface Node {
  /** The full name of the node in its service, as bytes: `/app/db/url`. */
  readonly key: Uint8Array;
  /** `null` is a node without data, which is not the same as an empty value. */
  readonly value: Uint8Array | null;
  readonly attributes: Attributes | undefined;
  /**
   * Set where the node belongs to a running client and dies with it (ZooKeeper's ephemeral nodes, etcd's keys with a
   * lease, Consul's locked keys): what holds it, to be recorded under the attribute `ephemeral`.
   */
  readonly ephemeral: Json | undefined;
}
