import type { Kind } from '../snapshot/layout.ts';
import type { Node } from '../snapshot/node.ts';

/** What differs between services, as data: read by the plan and by the contract suite, never by name of the service. */
export interface Traits {
  readonly kind: Kind;
  /** Nodes arrive in ascending byte order of their keys. */
  readonly ordered: boolean;
  /** One node may have a value and children at once. */
  readonly valueAndChildren: boolean;
  /** A node may be without data (`null`), whether or not it has children. */
  readonly nullLeaf: boolean;
  /** A node can be created only where its parent exists, and a parent is a node of its own. */
  readonly parentsFirst: boolean;
  /** All keys of one read come from one moment. */
  readonly pointInTime: boolean;
  /**
   * Where a node numbers children by a counter of its own, with so many digits: the counter starts again when the node is
   * created anew.
   */
  readonly sequenceDigits?: number;
  /** The largest value, in bytes, that a server of default configuration takes. */
  readonly maxValueBytes: number;
}

/** Which live tree this is. Nothing secret: it goes into the commit message. */
export interface Identity {
  /** The server's version, where it tells. */
  readonly version: string | undefined;
  /** Endpoints and root, without credentials, as they could be given on the command line again. */
  readonly source: string;
  /**
   * What stays the same for as long as it is the same cluster: etcd's cluster id, a directory's real path. `undefined`
   * where there is nothing to tell it by yet.
   */
  readonly cluster: string | undefined;
}

/** A node that exists, or may exist, and could not be read. Never the same as a node that is gone. */
export interface Unreadable {
  readonly key: Uint8Array;
  readonly reason: string;
  /** Nothing below the node could be read either. */
  readonly subtree: boolean;
}

/** Something that the driver passed over on purpose: a symbolic link, a socket. */
export interface Skipped {
  readonly key: Uint8Array;
  readonly reason: string;
}

/**
 * What a read yields: any number of batches, then exactly one `end`. A stream that finishes without `end` broke off,
 * and nothing may be made of it.
 */
export type ReadEvent =
  | {
      readonly type: 'batch';
      readonly nodes: readonly Node[];
      readonly unreadable?: readonly Unreadable[];
      readonly skipped?: readonly Skipped[];
      /**
       * Why the service may have nodes that it does not show, without saying which (Consul leaves out what a token may
       * not read). What an earlier snapshot has and this read has not is then not taken for deleted. Comes before any node.
       */
      readonly hidden?: string;
    }
  | ({ readonly type: 'end' } & Reading);

/** How a read went. */
export interface Reading {
  /** `exact`: one moment. `quiescent`: nothing moved while reading. `fuzzy`: something did, within `window`. */
  readonly consistency: 'exact' | 'quiescent' | 'fuzzy';
  readonly window?: string;
  /** The service's own clock at the time of the snapshot (etcd revision, Consul index, zxid), where it has one. */
  readonly revision: string | undefined;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /**
   * Only keys that begin with one of these matter; empty means all below the root. A driver narrows its requests by
   * it where that is cheap, and may yield more.
   */
  readonly prefixes?: readonly Uint8Array[];
  /** With `skip`, nodes of running clients are only counted, so a driver need not ask what it is that holds them. */
  readonly ephemeral?: 'skip' | 'record';
  /** A place that is not there yet, as a directory can be: an error unless it is to be taken for an empty tree. */
  readonly absent?: 'empty';
  /** Told now and then how many nodes were read, by a driver that holds them back until it has all of them. */
  readonly onHeld?: (nodes: number) => void;
}

/** What became of one node that was to be created. The service itself decided it, atomically. */
export type Outcome =
  | { readonly status: 'created' }
  | { readonly status: 'exists'; readonly same: boolean }
  | { readonly status: 'failed'; readonly reason: string };

/** A node that was created and could not be given its final attributes. */
export interface Unsettled {
  readonly key: Uint8Array;
  readonly reason: string;
}

/**
 * A live tree that can be read, and to which missing nodes can be added. There is no update and no delete, so that
 * no caller can break the promise that a restore only creates.
 *
 * Every method throws `TreekeeperError('unreachable')` when the service does not answer within the deadline or refuses the
 * credentials as a whole; what concerns one node only is an `Unreadable` or an `Outcome`.
 */
export interface Service extends AsyncDisposable {
  readonly traits: Traits;
  /** The configured root: every key that is read lies below it, and nothing is created outside. Empty: the whole tree. */
  readonly root: Uint8Array;
  identity(): Promise<Identity>;
  /**
   * Each node once. Where `traits.ordered` is set, in ascending byte order of the keys, `unreadable` ones
   * included.
   * Throws `RestartRead` when what was read so far is worthless and a fresh read may succeed (etcd compaction).
   */
  read(options?: ReadOptions): AsyncIterable<ReadEvent>;
  /** Why this service cannot hold the node at all, or `undefined` where it can. Asks nobody; used for the plan. */
  refuse(node: Node): string | undefined;
  /**
   * Why a node of this key could not be created now, or `undefined` where it could. Creates nothing: the service is asked
   * what we may do.
   */
  mayCreate(key: Uint8Array): Promise<string | undefined>;
  /**
   * Creates each node that is missing; one that exists is left as it is and compared. Outcomes are in the order of
   * `nodes`. Parents must come before children where `traits.parentsFirst`, and all of what is below a node
   * before anything that is not. Safe to repeat. Without `traits.parentsFirst`, it may be called for other nodes before it
   * has answered.
   */
  create(nodes: readonly Node[], signal?: AbortSignal): Promise<readonly Outcome[]>;
  /**
   * Ends a run of `create`: gives nodes that `create` itself made the attributes that would have kept it from creating
   * their children (an ACL of ZooKeeper). Until then they are narrower than they should be, never wider. Answers what
   * could not be settled. Called after the last `create` of a run, also of one that broke off.
   */
  settle?(): Promise<readonly Unsettled[]>;
}

/** Thrown by `read` when it must be started again from nothing. */
export class RestartRead extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'RestartRead';
  }
}
