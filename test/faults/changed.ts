import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { backup } from '../../src/operations/backup.ts';
import { connect } from '../../src/operations/connect.ts';
import { openForBackup } from '../../src/operations/open.ts';
import type { Endpoint } from '../../src/services/address.ts';
import type { Store } from '../commands/stores.ts';
import type { Random } from '../random.ts';
import type { Mutation } from './mutations.ts';
import type { Fault, Relay, Side } from './relay.ts';

/** A store as the command line opens it, through a relay. */
export async function open(store: Store, endpoint: Endpoint) {
  const surroundings = { config: undefined, environment: store.env, timeout: 1_000 };
  return (await connect(store.url(endpoint), surroundings)).service;
}

/** A backup of the subtree `t`, in this process. Answers the nodes that it saw, skipped ones included. */
export async function record(directory: string, store: Store, endpoint?: Endpoint): Promise<number> {
  const surroundings = { config: undefined, environment: store.env, timeout: 1_000 };
  const { policy, service } = await connect(`${store.url(endpoint)}/t`, surroundings);
  await using opened = service;
  const { repository } = await openForBackup(join(directory, 'snapshots.git'), undefined, false);
  const { report, unreadable } = await backup(repository, { store: 's', policy, service: opened });
  return [...report.skipped.values()].reduce((sum, count) => sum + count, report.nodes + unreadable.length);
}

/** What was promised, unless it takes so long that it hangs: all deadlines are of a second. */
export async function inTime<Result>(promised: Promise<Result>): Promise<Result> {
  const watch = new AbortController();
  const late = delay(30_000, undefined, { signal: watch.signal }).then(() => {
    throw new Error('it hangs');
  });
  late.catch(() => {});
  return Promise.race([promised, late]).finally(() => watch.abort());
}

/** Half of them at the beginning of a piece or soon after, where a protocol is likely to have lengths. */
export function someFaults(
  random: Random,
  { passed, pieces }: Relay,
  side: Side,
  count: number,
  mutate: (random: Random) => Mutation,
): Fault[] {
  return Array.from({ length: count }, () => {
    const offset = random.pick([0, random.below(16)]);
    const at = random.below(2) === 0 ? random.pick(pieces[side]) + offset : random.below(passed[side]);
    return { side, at, harm: 'change', mutation: mutate(random) };
  });
}
