import { setImmediate as nextTurn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { TreekeeperError } from '../../errors.ts';
import type { Node } from '../../snapshot/node.ts';
import { latin1 } from '../../snapshot/paths.ts';
import { type ReadEvent, RestartRead } from '../service.ts';
import type { EtcdClient } from './client.ts';
import type { KeyValue, RangeResponse } from './codec.ts';
import { isFailure } from './failure.ts';
import { encodeRangeEnds, type KeyRange } from './ranges.ts';

/**
 * Pages aim at so many bytes, or at as many as come in time: larger ones gain nothing, and of smaller ones each makes the
 * server count the rest again.
 */
const pageBytes = 4 * 1024 * 1024;
const firstPage = 8;
const largestPage = 100_000;
const fastestGrowth = 16;

/** One page of keys, all pages of a read at one revision. */
export interface Page {
  readonly entries: readonly KeyValue[];
  readonly revision: bigint;
}

/** Pages that are received before they are asked for. The server and the network work while this process does. */
const pagesAhead = 3;

/**
 * All keys of the ranges, in ascending order, as they were at one revision. Throws `RestartRead` where etcd compacted that
 * revision away meanwhile, and `EtcdFailure` on everything else that goes wrong.
 */
export async function* readPages(
  client: EtcdClient,
  ranges: readonly KeyRange[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Page> {
  const pages = onePageAfterTheOther(client, ranges, signal);
  // A generator takes calls before the ones before them are answered, and works them off in order.
  const asked: Promise<IteratorResult<Page>>[] = [];
  const ask = () => {
    const next = pages.next();
    next.catch(() => {});
    asked.push(next);
  };
  for (let ahead = 0; ahead < pagesAhead; ahead++) ask();
  for (let page = await asked.shift(); page && !page.done; page = await asked.shift()) {
    ask();
    yield page.value;
  }
}

async function* onePageAfterTheOther(
  client: EtcdClient,
  ranges: readonly KeyRange[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Page, undefined> {
  let revision = 0n;
  let limit = firstPage;

  for (const range of ranges) {
    let expected: number | undefined;
    for (let at: KeyRange | undefined = range; at; ) {
      signal?.throwIfAborted();
      const page = await readPage(at, expected);
      revision ||= page.revision;
      limit = nextLimit(page.entries, limit, Math.min(pageBytes, client.bytesInTime));
      expected = page.count - page.entries.length;
      const last = page.entries.at(-1);
      at = page.more && last ? { start: `${latin1(last.key)}\0`, end: range.end } : undefined;
      yield { entries: page.entries, revision };
    }
  }

  async function readPage(at: KeyRange, expected: number | undefined): Promise<RangeResponse> {
    for (;;) {
      try {
        return await client.range({ ...encodeRangeEnds(at), limit, revision, expected });
      } catch (thrown) {
        if (isFailure(thrown, status.OUT_OF_RANGE, 'compacted'))
          throw new RestartRead(`etcd compacted revision ${revision} away`);
        // A proxy may have a limit on messages that the server has not.
        if (!isFailure(thrown, status.RESOURCE_EXHAUSTED) || limit === 1) throw thrown;
        limit = Math.ceil(limit / 8);
      }
    }
  }
}

function nextLimit(entries: readonly KeyValue[], limit: number, aim: number): number {
  if (entries.length === 0) return limit;
  let bytes = 0;
  for (const { key, value } of entries) bytes += key.length + value.length;
  const fitting = Math.floor((aim * entries.length) / bytes);
  return Math.min(Math.max(fitting, 1), limit * fastestGrowth, largestPage);
}

/** What a lease is recorded as: its id as etcdctl writes it, and the seconds it was granted for where that was asked. */
export type DescribeLease = (lease: bigint) => Promise<{ readonly [name: string]: string }>;

/** Nodes in a batch: a page is worked on in pieces, so that the next one is received in between. */
const batchNodes = 2_000;

/** A page as batches of nodes. */
export async function* batchesOf({ entries }: Page, describeLease: DescribeLease): AsyncGenerator<ReadEvent> {
  const leases = new Map<bigint, { readonly [name: string]: string }>();
  for (const lease of new Set(entries.map((entry) => entry.lease))) {
    if (lease !== 0n) leases.set(lease, await describeLease(lease));
  }
  const nodeOf = ({ key, value, lease }: KeyValue): Node => ({
    key,
    value,
    attributes: undefined,
    ephemeral: lease === 0n ? undefined : leases.get(lease),
  });
  for (let start = 0; start < entries.length; start += batchNodes) {
    yield { type: 'batch', nodes: entries.slice(start, start + batchNodes).map(nodeOf) };
    await nextTurn();
  }
}

/** A user who may read only part of the keys is told so, since a part is not what was asked for. */
export function denied(user: string | undefined, { start, end }: KeyRange): TreekeeperError {
  const who = user === undefined ? 'this client' : `the user ${user}`;
  const what = end === `${start}\0` ? `the key ${start}` : `all keys from ${JSON.stringify(start)} on`;
  return new TreekeeperError('unreachable', `etcd does not let ${who} read ${what}`, {
    hint: "name what may be read, as the root (etcd://HOST/app/) or with --include '/app/**'",
  });
}
