import { TreekeeperError } from '../errors.ts';
import type { ObjectReader } from '../git/reader.ts';
import { sameEntry } from '../snapshot/diff.ts';
import { decodeTrailers, type Trailers } from '../snapshot/message.ts';
import type { Oid } from '../snapshot/objects.ts';
import { type Trace, traceKey } from '../snapshot/trace.ts';
import type { Entry } from '../snapshot/walk.ts';
import { changesBetween } from './diff.ts';
import { isStoreMoment, type StoreMoment, storeHistory } from './history.ts';
import { inOrder } from './in-order.ts';
import type { OpenRepository } from './open.ts';
import { listStores, resolveRevision } from './revision.ts';

/** One line of a history. */
export interface LogEntry extends StoreMoment {
  /** The first line of the message. */
  readonly subject: string;
  /** What the message tells of the snapshot; empty where treekeeper did not write it. */
  readonly trailers: Trailers;
  /** For the history of one key: what became of it. */
  readonly change: KeyChange | undefined;
}

export interface KeyChange {
  readonly what: 'added' | 'changed' | 'removed' | 'changed below';
  /** The node itself before and after, where there was one. */
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** Which snapshots are asked for. Times are milliseconds since 1970, both included. */
export interface LogRequest {
  /** The revision whose history it is; else the tip of the branch. */
  readonly at?: string | undefined;
  readonly store?: string | undefined;
  readonly key?: Uint8Array | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

/** Moments of which the trees are looked into at once. */
const atOnce = 16;

/**
 * The snapshots of the branch, newest first: of one store or of all, and with a key only those in which the node or
 * anything below it is not what it was before. Throws `TreekeeperError('usage')` where there is no such store, or no
 * snapshot ever had the key.
 */
export async function* history(
  { repository, reader }: OpenRepository,
  { at = '', store, key, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY }: LogRequest,
): AsyncGenerator<LogEntry> {
  const tip = await resolveRevision(reader, repository, at);
  const follow = key && keyFollower(reader, key);
  const examine = async (moment: StoreMoment): Promise<LogEntry | undefined> => {
    if (moment.commit.committer.time * 1000 > until) return undefined;
    const change = await follow?.(moment);
    if (follow ? !change : !(await isStoreMoment(reader, moment))) return undefined;
    const { message } = moment.commit;
    return { ...moment, subject: message.split('\n', 1)[0] ?? '', trailers: decodeTrailers(message), change };
  };

  let found = false;
  const moments = storeHistory(reader, tip, store === undefined ? undefined : [store]);
  for await (const entry of inOrder(newerThan(moments, since), examine, atOnce)) {
    if (!entry) continue;
    found = true;
    yield entry;
  }
  const isNarrow = since !== Number.NEGATIVE_INFINITY || until !== Number.POSITIVE_INFINITY;
  if (found || isNarrow || (store === undefined && key === undefined)) return;
  throw new TreekeeperError(
    'usage',
    key === undefined ? `there is no store ${store}` : 'no snapshot ever had this key',
    {
      hint: `the stores there are: ${(await listStores(reader, tip)).join(', ')}${store === undefined ? '; --store names one' : ''}`,
    },
  );
}

/** Commit times never run backwards, so the first one that is too old is the end. */
async function* newerThan(moments: AsyncIterable<StoreMoment>, since: number): AsyncGenerator<StoreMoment> {
  for await (const moment of moments) {
    if (moment.commit.committer.time * 1000 < since) return;
    yield moment;
  }
}

/** Tells what a moment did to a key, `undefined` for nothing. Cheap for the moments that did nothing. */
export function keyFollower(
  reader: ObjectReader,
  key: Uint8Array,
): (moment: StoreMoment) => Promise<KeyChange | undefined> {
  const tracers = new Map<string, (tree: Oid) => Promise<Trace | undefined>>();
  const read = async (oid: Oid) => (await reader.read(oid)).content;
  return async (moment) => {
    const { store, tree, previousTree } = moment;
    const trace = tracers.get(store) ?? traceKey(key, store, read);
    tracers.set(store, trace);
    const look = async (at: Oid | undefined) => (at === undefined ? undefined : trace(at));
    const [is, was] = await Promise.all([look(tree), look(previousTree)]);
    const [after, before] = [is?.entry, was?.entry];
    if (after && before ? !sameEntry(after, before) : (after ?? before)) {
      return { what: before ? (after ? 'changed' : 'removed') : 'added', before, after };
    }
    const isChangedBelow =
      is?.subtree !== was?.subtree ||
      (is?.long !== was?.long && (await changesBetween(reader, moment, key)).changes.length > 0);
    return isChangedBelow ? { what: 'changed below', before, after } : undefined;
  };
}
