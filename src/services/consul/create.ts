import type { Outcome } from '../service.ts';
import type { ConsulClient } from './client.ts';
import { type ConsulFailure, isFailure } from './failure.ts';
import { type Creation, encodeOperation, isTooLarge, type Pair, split, type Tenancy } from './operation.ts';
import { pathPrefix } from './path.ts';
import type { Found } from './transactions.ts';

const inFlight = 16;

/**
 * Creates every pair whose key is missing; Consul decides, in the same transaction, since it sets a key "if its index is
 * 0" only where there is none. A key that comes twice is created from the first pair, and the others are held against that.
 */
export async function createPairs(
  client: ConsulClient,
  tenancy: Tenancy,
  pairs: readonly Pair[],
  signal: AbortSignal | undefined,
): Promise<Map<Pair, Outcome>> {
  const { first, repeated } = distinct(pairs);
  const outcomes = new Map<Pair, Outcome>();
  const batches = split(first.map((pair) => ({ pair, operation: encodeOperation('cas', pair, tenancy) })));
  let next = 0;

  async function work(): Promise<void> {
    for (let batch = batches[next++]; batch; batch = batches[next++]) {
      signal?.throwIfAborted();
      await compare(await create(batch));
    }
  }

  /** Answers the pairs that exist. A transaction says of all its operations which ones keep it from being done. */
  async function create(batch: readonly Creation[]): Promise<readonly Pair[]> {
    const [only] = batch;
    if (batch.length === 1 && only && isTooLarge(only) && isPath(only.pair.key)) return createAlone(only.pair);

    const existing: Pair[] = [];
    let rest = batch;
    while (rest.length > 0) {
      const answer = await attempt(rest);
      if (answer === undefined) return [...existing, ...(await inHalves(rest))];

      const errors = new Map(answer.errors.map(({ index, what }) => [index, what]));
      for (const [index, { pair }] of rest.entries()) {
        const what = errors.get(index);
        if (errors.size === 0) outcomes.set(pair, { status: 'created' });
        else if (what?.includes('index is stale')) existing.push(pair);
        else if (what !== undefined) outcomes.set(pair, failed(what));
      }
      if (errors.size === 0) break;
      rest = rest.filter((_, index) => !errors.has(index));
    }
    return existing;
  }

  /** `undefined` where the server refuses the transaction as a whole. */
  async function attempt(batch: readonly Creation[]) {
    try {
      return await client.transact(batch.map(({ operation }) => operation));
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      const [only] = batch;
      if (batch.length > 1 || !only) return undefined;
      const note = thrown.code === '413' ? ' (the key can only be created in a transaction)' : '';
      if (note !== '' && isPath(only.pair.key)) return undefined;
      return { errors: [{ index: 0, what: `${thrown.message.trim().replace(/\.$/, '')}${note}` }], found: [] };
    }
  }

  async function inHalves(batch: readonly Creation[]): Promise<readonly Pair[]> {
    const [only] = batch;
    if (batch.length === 1 && only) return createAlone(only.pair);
    const middle = Math.ceil(batch.length / 2);
    return [...(await create(batch.slice(0, middle))), ...(await create(batch.slice(middle)))];
  }

  async function createAlone(pair: Pair): Promise<readonly Pair[]> {
    try {
      const isCreated = await client.create(pair.key, pair.value, pair.flags);
      if (isCreated) outcomes.set(pair, { status: 'created' });
      return isCreated ? [] : [pair];
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      outcomes.set(pair, failed(thrown.message));
      return [];
    }
  }

  async function compare(existing: readonly Pair[]): Promise<void> {
    for (let rest = existing; rest.length > 0; ) {
      const { errors, found } = await client.transact(rest.map((pair) => encodeOperation('get', pair, tenancy)));
      const gone = new Set(errors.map(({ index }) => index));
      const byKey = new Map(found.map((entry) => [entry.key, entry]));
      for (const [index, pair] of rest.entries()) {
        if (gone.has(index)) outcomes.set(pair, failed('it was deleted while it was being compared'));
        else if (errors.length === 0) outcomes.set(pair, comparison(byKey.get(pair.key), pair));
      }
      if (errors.length === 0) return;
      rest = rest.filter((_, index) => !gone.has(index));
    }
  }

  await Promise.all(Array.from({ length: inFlight }, work));
  return repeated.length === 0
    ? outcomes
    : new Map([...outcomes, ...(await createPairs(client, tenancy, repeated, signal))]);
}

/**
 * The server is well, and will not do this: no right, too large, a key that it does not want. Since 1.21.5 it wants no keys
 * with dot segments, a slash at the beginning and more, and that version said so with the status 500.
 */
function isRefusal(thrown: unknown): thrown is ConsulFailure {
  return (
    isFailure(thrown, '413') ||
    isFailure(thrown, '400') ||
    isFailure(thrown, '403', 'Permission denied') ||
    isFailure(thrown, '500', 'nvalid key')
  );
}

function isPath(key: string): boolean {
  return pathPrefix(key) === key;
}

/** Consul's own words, as far as they are a reason. */
function failed(what: string): Outcome {
  const reason = what
    .trim()
    .replace(/\. See https?:\S+/, '')
    .replace(/\.$/, '');
  return { status: 'failed', reason: reason.slice(0, 1).toLowerCase() + reason.slice(1) };
}

/** Consul leaves out of its answer what the token may not read. */
function comparison(found: Found | undefined, { value, flags }: Pair): Outcome {
  if (!found) return failed('it exists, and the token does not allow to read it');
  return { status: 'exists', same: found.flags === flags && Buffer.compare(found.value, value) === 0 };
}

/** A transaction that names a key twice would never be done. */
function distinct(pairs: readonly Pair[]): { first: Pair[]; repeated: Pair[] } {
  const seen = new Set<string>();
  const [first, repeated]: [Pair[], Pair[]] = [[], []];
  for (const pair of pairs) {
    (seen.has(pair.key) ? repeated : first).push(pair);
    seen.add(pair.key);
  }
  return { first, repeated };
}
