/** One operation of a transaction, as treekeeper uses them. */
export type Operation =
  | { readonly verb: 'cas'; readonly key: string; readonly value: Uint8Array; readonly flags: bigint }
  | { readonly verb: 'get'; readonly key: string };

/** A server takes so many at once; those from 1.11 on twice as many. */
export const mostOperations = 64;
/** And a body of 512 KiB, with values in base64. */
export const mostBytes = 500_000;

/** How many bytes an operation takes at most in the body of a transaction. */
export function sizeOf(key: string, value: Uint8Array): number {
  // A character of a key may be escaped as six.
  return 100 + 6 * key.length + 4 * Math.ceil(value.length / 3);
}

/**
 * The body of a transaction. An index of 0 has the server create the key only where it is missing. Flags are written out,
 * since a number of JavaScript cannot hold them.
 */
export function encodeOperations(operations: readonly Operation[]): Buffer {
  const parts = operations.map((operation) => {
    const { verb, key } = operation;
    const head = `{"KV":{"Verb":"${verb}","Key":${JSON.stringify(key)}`;
    if (verb === 'get') return `${head}}}`;
    const { value, flags } = operation;
    const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    return `${head},"Value":"${base64}","Flags":${flags},"Index":0}}`;
  });
  return Buffer.from(`[${parts.join(',')}]`);
}

/**
 * JSON as Consul sends it, with the flags as strings. A quote inside a string is always escaped, so that the name with its
 * quotes is found nowhere but where it is a name.
 */
export function decodeJson(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8').replace(/"Flags":(\d+)/g, '"Flags":"$1"'));
}

/** An operation for which the whole transaction was refused. */
export interface Refusal {
  readonly index: number;
  readonly what: string;
}

/** The refusals of an answer; none where all was done. */
export function refusalsOf(answer: unknown): Refusal[] {
  const { Errors } = (answer ?? {}) as { Errors?: readonly { OpIndex?: number; What?: string }[] | null };
  return (Errors ?? []).map(({ OpIndex = -1, What = '' }) => ({ index: OpIndex, what: What }));
}

/** What a `get` found. */
export interface Pair {
  readonly value: Buffer;
  readonly flags: string;
}

/** What was found, by key. */
export function pairsOf(answer: unknown): Map<string, Pair> {
  const { Results } = (answer ?? {}) as {
    Results?: readonly { KV?: { Key: string; Value: string | null; Flags: string } }[] | null;
  };
  const pairs = new Map<string, Pair>();
  for (const { KV } of Results ?? []) {
    if (KV) pairs.set(KV.Key, { value: Buffer.from(KV.Value ?? '', 'base64'), flags: KV.Flags });
  }
  return pairs;
}
