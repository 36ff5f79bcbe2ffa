import type { Node } from '../../snapshot/node.ts';
import type { ReadEvent, Unreadable } from '../service.ts';
import type { ConsulClient } from './client.ts';
import { ConsulFailure, failureOf } from './failure.ts';
import { encodePath, pathPrefix } from './path.ts';
import { type Entry, openScanner } from './scanner.ts';
import { isInside, type Scope } from './scope.ts';
import { hasAcls, mayRead, mostQuestions, nameOf, noRight, sightless } from './sight.ts';
import { type Answer, textOf } from './transport.ts';

/** A batch is worked on while the next one is received; it ends with one of these. */
const batchNodes = 2_000;
const batchBytes = 4 * 1024 * 1024;

/**
 * All keys below the root that are in the scope, in one answer, and so of one moment. `consistent` makes the leader ask
 * the others whether it still is the leader.
 */
export async function* readKeys(
  client: ConsulClient,
  root: Uint8Array,
  { asked, needed, node }: Scope,
  signal: AbortSignal | undefined,
): AsyncGenerator<ReadEvent> {
  const below = needed.length < mostQuestions ? needed : [asked];
  const [rights, before] = await Promise.all([
    mayRead(client, node === undefined ? below : [...below, node], signal),
    asked === '' ? undefined : indexOfStore(client, below[0] ?? asked, signal),
  ]);
  const closed = below.find((_, index) => rights?.[index] === false);
  let seen = 0;

  if (node !== undefined && closed === undefined && rights?.[below.length] === false) {
    const reason = `${noRight('this key')}; to back up only what is below it, end the root with a slash`;
    yield { type: 'batch', nodes: [], unreadable: [{ key: root, reason, subtree: false }] };
  }

  const query = { recurse: '', consistent: '' };
  const answer = await client.ask(`kv/${encodePath(asked)}`, { query, signal, accept: [404] });
  const { index, filtered } = readHead(answer);
  const hidden = closed ?? (filtered ? asked : undefined);
  if (hidden !== undefined) {
    yield { type: 'batch', nodes: [], hidden: noRight(closed === undefined ? 'some of the keys' : nameOf(closed)) };
  }
  if (answer.status === 404) await textOf(answer);
  else {
    for await (const batch of batchesOf(answer.body, answer.endpoint, root, signal)) {
      seen += batch.nodes.length;
      yield batch;
    }
  }

  if (seen === 0 && hidden !== undefined) throw sightless(nameOf(hidden));
  if (seen === 0 && rights === undefined && (await hasAcls(client, signal))) {
    yield { type: 'batch', nodes: [], hidden: 'this consul does not say what the token may read, and shows nothing' };
  }
  yield { type: 'end', consistency: 'exact', revision: asked === '' ? index : latest(before, index) };
}

/** No key of anybody's. */
const nobodys = 'treekeeper-asks-for-the-index';

/**
 * The index of all keys, as the answer about a missing key has it; `undefined` where the token may not ask for one. The
 * answer about a prefix has that of the last change below it instead, and goes back a quarter of an hour after a deletion,
 * when Consul forgets that.
 */
async function indexOfStore(
  client: ConsulClient,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const path = `kv/${encodePath(pathPrefix(prefix) + nobodys)}`;
  const answer = await client.ask(path, { query: { consistent: '' }, signal, accept: [403, 404] });
  await textOf(answer);
  return answer.status === 403 ? undefined : readHead(answer).index;
}

/** `undefined` where one is not known: the other alone may be lower than it was. */
function latest(one: string | undefined, other: string): string | undefined {
  if (one === undefined) return undefined;
  return BigInt(one) > BigInt(other) ? one : other;
}

/** What `GET /v1/kv` says about its own answer. */
interface Head {
  readonly index: string;
  /** Something was left out. */
  readonly filtered: boolean;
}

/** Throws `ConsulFailure` where no Consul would answer like this, or one that does not know what is up to date. */
function readHead({ headers, endpoint }: Answer): Head {
  const index = headers['x-consul-index'];
  if (typeof index !== 'string' || !/^[0-9]+$/.test(index)) throw new ConsulFailure('FOREIGN', '', endpoint);
  if (headers['x-consul-knownleader'] === 'false') throw new ConsulFailure('NO_LEADER', '', endpoint);
  return { index, filtered: headers['x-consul-results-filtered-by-acls'] === 'true' };
}

type Batch = Extract<ReadEvent, { type: 'batch' }>;

async function* batchesOf(
  body: AsyncIterable<Buffer>,
  endpoint: string,
  root: Uint8Array,
  signal: AbortSignal | undefined,
): AsyncGenerator<Batch> {
  const scanner = openScanner();
  let nodes: Node[] = [];
  let unreadable: Unreadable[] = [];
  let bytes = 0;
  let last: Uint8Array | undefined;

  try {
    for await (const piece of body) {
      signal?.throwIfAborted();
      for (const entry of scanner.push(piece)) {
        if (!isInside(entry.key, root)) continue;
        if (entry.garbled) unreadable.push(garbledKey(entry));
        else {
          // A snapshot is built as they come.
          if (last && Buffer.compare(last, entry.key) >= 0) throw new SyntaxError('the keys are in no order');
          last = entry.key;
          nodes.push(nodeOf(entry));
        }
        bytes += entry.value.length;
      }
      if (nodes.length < batchNodes && bytes < batchBytes) continue;
      yield { type: 'batch', nodes, unreadable };
      nodes = [];
      unreadable = [];
      bytes = 0;
    }
    scanner.end();
  } catch (thrown) {
    throw failureOf(thrown, endpoint);
  }
  yield { type: 'batch', nodes, unreadable };
}

function nodeOf({ key, value, flags, session }: Entry): Node {
  return {
    key,
    value,
    attributes: flags === 0n ? undefined : { flags: String(flags) },
    ephemeral: session === undefined ? undefined : { session },
  };
}

function garbledKey({ key }: Entry): Unreadable {
  return { key, reason: 'the key is not UTF-8, and Consul does not tell its bytes', subtree: false };
}
