import { status } from '@grpc/grpc-js';
import { latin1 } from '../../snapshot/paths.ts';
import type { Outcome } from '../service.ts';
import type { EtcdClient } from './client.ts';
import { encodeCreateAll, encodeCreateEach, type Pair, type TxnResponse } from './codec.ts';
import { type EtcdFailure, isFailure } from './failure.ts';

/** etcd's `--max-txn-ops` unless configured otherwise; a nested transaction counts as an operation of the outer one. */
const mostOps = 128;
/** A request is at most `--max-request-bytes`, 1.5 MiB by default. */
const mostBytes = 1024 * 1024;
const inFlight = 16;

/**
 * Creates every pair whose key is missing; etcd decides, in the same transaction. The common case, that all of them are
 * missing, costs one comparison and one put a key; where one of a batch exists, each of it gets a transaction of its own.
 * A key that comes twice is created from the first pair, and the others are held against that.
 */
export async function createPairs(
  client: EtcdClient,
  pairs: readonly Pair[],
  signal: AbortSignal | undefined,
): Promise<Map<Pair, Outcome>> {
  const { first, repeated } = distinct(pairs);
  const batches = split(first);
  const outcomes = new Map<Pair, Outcome>();
  let next = 0;

  async function work(): Promise<void> {
    for (let batch = batches[next++]; batch; batch = batches[next++]) {
      signal?.throwIfAborted();
      const answers = await createBatch(client, batch);
      for (const [index, pair] of batch.entries())
        outcomes.set(pair, answers[index] ?? { status: 'failed', reason: 'etcd gave no answer' });
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work));
  return repeated.length === 0 ? outcomes : new Map([...outcomes, ...(await createPairs(client, repeated, signal))]);
}

function split(pairs: readonly Pair[]): Pair[][] {
  const batches: Pair[][] = [];
  let bytes = 0;
  for (const pair of pairs) {
    // The key is in the comparison, and in the put.
    const size = 2 * pair.key.length + pair.value.length + 48;
    const last = batches.at(-1);
    if (last && last.length < mostOps && bytes + size <= mostBytes) last.push(pair);
    else batches.push([pair]);
    bytes = last === batches.at(-1) ? bytes + size : size;
  }
  return batches;
}

/** Halves what the server refuses as a whole, until it is clear which keys it will not have. */
async function createBatch(client: EtcdClient, batch: readonly Pair[]): Promise<Outcome[]> {
  try {
    const { succeeded } = await client.txn(encodeCreateAll(batch));
    return succeeded ? batch.map(() => ({ status: 'created' })) : await createEach(client, batch);
  } catch (thrown) {
    return halve(thrown, batch, (half) => createBatch(client, half));
  }
}

async function createEach(client: EtcdClient, batch: readonly Pair[]): Promise<Outcome[]> {
  if (batch.length >= mostOps) return inHalves(batch, (half) => createEach(client, half));
  try {
    const { responses } = await client.txn(encodeCreateEach(batch));
    return batch.map((pair, index) => outcomeOf(responses[index]?.txn, pair));
  } catch (thrown) {
    return halve(thrown, batch, (half) => createEach(client, half));
  }
}

async function halve(
  thrown: unknown,
  batch: readonly Pair[],
  again: (half: readonly Pair[]) => Promise<Outcome[]>,
): Promise<Outcome[]> {
  if (!isRefusal(thrown)) throw thrown;
  return batch.length === 1
    ? [{ status: 'failed', reason: thrown.message.replace(/^etcdserver: /, '') }]
    : inHalves(batch, again);
}

async function inHalves(
  batch: readonly Pair[],
  again: (half: readonly Pair[]) => Promise<Outcome[]>,
): Promise<Outcome[]> {
  const middle = Math.ceil(batch.length / 2);
  return [...(await again(batch.slice(0, middle))), ...(await again(batch.slice(middle)))];
}

/** The server is well, and will not do this: no right, too large, too many operations, no space. */
function isRefusal(thrown: unknown): thrown is EtcdFailure {
  return (
    isFailure(thrown, status.PERMISSION_DENIED) ||
    isFailure(thrown, status.RESOURCE_EXHAUSTED) ||
    isFailure(thrown, status.INVALID_ARGUMENT, 'too large') ||
    isFailure(thrown, status.INVALID_ARGUMENT, 'too many operations')
  );
}

function outcomeOf(answer: TxnResponse | undefined, { value }: Pair): Outcome {
  if (answer?.succeeded) return { status: 'created' };
  const [found] = answer?.responses[0]?.range?.entries ?? [];
  if (!found) return { status: 'failed', reason: 'etcd found it neither missing nor there' };
  return { status: 'exists', same: Buffer.compare(found.value, value) === 0 };
}

/** etcd refuses a transaction that names a key twice. */
function distinct(pairs: readonly Pair[]): { first: Pair[]; repeated: Pair[] } {
  const seen = new Set<string>();
  const [first, repeated]: [Pair[], Pair[]] = [[], []];
  for (const pair of pairs) {
    const name = latin1(pair.key);
    (seen.has(name) ? repeated : first).push(pair);
    seen.add(name);
  }
  return { first, repeated };
}
