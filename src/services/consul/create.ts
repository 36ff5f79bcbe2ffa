import type { Outcome } from '../service.ts';
import type { ConsulClient } from './client.ts';
import { ConsulFailure, unknownToken } from './failure.ts';
import { isAddressable } from './paths.ts';
import { mostBytes, mostOperations, pairsOf, refusalsOf, sizeOf } from './transaction.ts';

/** A key to create. `key` is text, since JSON carries nothing else. */
export interface Planned {
  readonly key: string;
  readonly value: Uint8Array;
  readonly flags: bigint;
}

const inFlight = 8;

/**
 * Creates every key that is missing; Consul decides, in the same transaction. One that exists rolls back the whole of its
 * transaction, which is then sent again without it. Outcomes are in the order of `planned`. A key that comes twice is
 * created from the first, and the others are held against that. Rejects with a `ConsulFailure`.
 */
export async function createKeys(
  client: ConsulClient,
  planned: readonly Planned[],
  signal: AbortSignal | undefined,
): Promise<Map<Planned, Outcome>> {
  const { first, repeated } = distinct(planned);
  const batches = split(first);
  const outcomes = new Map<Planned, Outcome>();
  let next = 0;

  async function work(): Promise<void> {
    for (let batch = batches[next++]; batch; batch = batches[next++]) {
      signal?.throwIfAborted();
      for (const [one, outcome] of await createBatch(client, batch)) outcomes.set(one, outcome);
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work));
  return repeated.length === 0 ? outcomes : new Map([...outcomes, ...(await createKeys(client, repeated, signal))]);
}

function split(planned: readonly Planned[]): Planned[][] {
  const batches: Planned[][] = [];
  let bytes = 0;
  for (const one of planned) {
    const size = sizeOf(one.key, one.value);
    const last = batches.at(-1);
    const fits = last && last.length < mostOperations && bytes + size <= mostBytes;
    if (fits) last.push(one);
    else batches.push([one]);
    bytes = fits ? bytes + size : size;
  }
  return batches;
}

type Outcomes = readonly (readonly [Planned, Outcome])[];

async function createBatch(client: ConsulClient, batch: readonly Planned[]): Promise<Outcomes> {
  const [first] = batch;
  if (!first) return [];
  if (batch.length === 1 && sizeOf(first.key, first.value) > mostBytes)
    return [[first, await createLarge(client, first)]];
  try {
    return await transactBatch(client, batch);
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    if (batch.length === 1) return [[first, failed(thrown.message)]];
    // The server refuses something as a whole: halves of it, until it is clear what.
    const middle = Math.ceil(batch.length / 2);
    return [
      ...(await createBatch(client, batch.slice(0, middle))),
      ...(await createBatch(client, batch.slice(middle))),
    ];
  }
}

async function transactBatch(client: ConsulClient, batch: readonly Planned[]): Promise<Outcomes> {
  const answer = await client.transact(batch.map((one) => ({ verb: 'cas', ...one })));
  const refusals = new Map(refusalsOf(answer).map(({ index, what }) => [index, what]));
  if (refusals.size === 0) return batch.map((one) => [one, { status: 'created' }]);

  const rest = batch.filter((_, index) => !refusals.has(index));
  // Every refusal names an operation, so that there are fewer left each time.
  if (rest.length === batch.length) {
    return batch.map((one) => [one, failed(`Consul refused the transaction: ${[...refusals.values()][0]}`)]);
  }
  const existing = batch.filter((_, index) => /stale/.test(refusals.get(index) ?? ''));
  const others = batch.flatMap((one, index): Outcomes => {
    const what = refusals.get(index);
    return what === undefined || /stale/.test(what) ? [] : [[one, failed(what)]];
  });
  return [...others, ...(await compare(client, existing)), ...(await createBatch(client, rest))];
}

/** A path of HTTP has to carry the key then, which it cannot do with every key. */
async function createLarge(client: ConsulClient, one: Planned): Promise<Outcome> {
  const { key, value, flags } = one;
  if (!isAddressable(key)) {
    return failed(`${value.length} bytes are too many for a transaction, and the key cannot stand in a URL`);
  }
  try {
    if (await client.putNew(key, value, flags)) return { status: 'created' };
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    return failed(thrown.status === 413 ? `${value.length} bytes are more than the server takes` : thrown.message);
  }
  const [compared] = await compare(client, [one]);
  return compared?.[1] ?? failed('Consul gave no answer');
}

async function compare(client: ConsulClient, existing: readonly Planned[]): Promise<Outcomes> {
  if (existing.length === 0) return [];
  const answer = await client.transact(existing.map(({ key }) => ({ verb: 'get', key })));
  const refusals = refusalsOf(answer);
  if (refusals.length > 0) {
    const gone = new Map(refusals.map(({ index, what }) => [index, what]));
    const rest = existing.filter((_, index) => !gone.has(index));
    const why = (what: string) =>
      failed(/exist/.test(what) ? 'it was deleted meanwhile' : `it exists, and may not be read: ${what}`);
    const others = existing.flatMap(
      (one, index): Outcomes => (gone.has(index) ? [[one, why(gone.get(index) ?? '')]] : []),
    );
    return rest.length === existing.length
      ? existing.map((one) => [one, why(refusals[0]?.what ?? '')])
      : [...others, ...(await compare(client, rest))];
  }
  const pairs = pairsOf(answer);
  return existing.map((one) => {
    const found = pairs.get(one.key);
    const same = found && found.flags === one.flags.toString() && Buffer.compare(found.value, one.value) === 0;
    return [one, found ? { status: 'exists', same: same === true } : failed('Consul gave no answer')];
  });
}

/** The server is well, and will not do this. */
function isRefusal(thrown: unknown): thrown is ConsulFailure {
  if (!(thrown instanceof ConsulFailure) || unknownToken.test(thrown.message)) return false;
  return thrown.status === 400 || thrown.status === 403 || thrown.status === 413;
}

function failed(reason: string): Outcome {
  return { status: 'failed', reason: reason.replace(/^rpc error: /, '') };
}

function distinct(planned: readonly Planned[]): { first: Planned[]; repeated: Planned[] } {
  const seen = new Set<string>();
  const [first, repeated]: [Planned[], Planned[]] = [[], []];
  for (const one of planned) {
    (seen.has(one.key) ? repeated : first).push(one);
    seen.add(one.key);
  }
  return { first, repeated };
}
