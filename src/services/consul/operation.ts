/** What is to be created. */
export interface Pair {
  readonly key: string;
  readonly value: Uint8Array;
  /** As a decimal number. */
  readonly flags: string;
}

/** Where the server keeps the keys; only Consul Enterprise has these. */
export interface Tenancy {
  readonly Namespace?: string;
  readonly Partition?: string;
}

/** Older versions of Consul take 64 operations in a transaction, newer ones 128. */
const mostOps = 64;
/** The body of a transaction is at most 512 KiB, unless `txn_max_req_len` says otherwise. */
const mostBytes = 512 * 1024 - 2;

/** A pair, and the operation that creates it. */
export interface Creation {
  readonly pair: Pair;
  readonly operation: string;
}

/** Batches that fit into one transaction each; one that fits into none is alone. */
export function split(creations: readonly Creation[]): Creation[][] {
  const batches: Creation[][] = [];
  let bytes = 0;
  for (const creation of creations) {
    const size = Buffer.byteLength(creation.operation) + 1;
    const last = batches.at(-1);
    if (last && last.length < mostOps && bytes + size <= mostBytes) last.push(creation);
    else batches.push([creation]);
    bytes = last === batches.at(-1) ? bytes + size : size;
  }
  return batches;
}

export function isTooLarge({ operation }: Creation): boolean {
  return Buffer.byteLength(operation) > mostBytes;
}

/**
 * One operation of a transaction, as JSON: to set a key if its index is 0, which is only where there is none, or to get it.
 * Flags are written as a number of 64 bits, which JSON.stringify cannot.
 */
export function encodeOperation(verb: 'cas' | 'get', { key, value, flags }: Pair, tenancy: Tenancy): string {
  const head = JSON.stringify({ Verb: verb, Key: key, ...tenancy }).slice(0, -1);
  if (verb === 'get') return `{"KV":${head}}}`;
  return `{"KV":${head},"Value":"${Buffer.from(value).toString('base64')}","Flags":${flags},"Index":0}}`;
}
