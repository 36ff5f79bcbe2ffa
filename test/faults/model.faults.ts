import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGnupg } from '../ciphers/gnupg.ts';
import { type Run, treekeeper } from '../commands/run.ts';
import { inFlight } from '../in-flight.ts';
import { type Random, seeded } from '../random.ts';
import { findBinary } from '../servers/binaries.ts';
import { startEtcd } from '../servers/etcd.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { killedRun } from './killed-run.ts';
import { type Host, openHost } from './model/host.ts';
import { type Live, liveDirectory, liveEtcd } from './model/live.ts';
import { openRemote, type Remote } from './model/remote.ts';
import { makePeople, type People } from './model/rules.ts';
import { type Subject, subject } from './subject.ts';

/*
 * Random sequences of everything that people and machines do to a repository, each beside a plain model of what has to be
 * in it.
 */

const operations = 30;
/** Sequences: most of a run is waiting for the next process to start. */
const atOnce = 2;
const range = (count: number) => [...new Array(count).keys()];
const people = findBinary('gpg') === undefined ? undefined : makePeople(startGnupg());

/** Keys of which none is the directory of another. Those that break tools are among them. */
const keys = [
  ...['a', 'app/db/url', 'app/db/pool', 'secret/password', 'secret/token', 'secret/deep/key', 'x:y', '.git/config'],
  ...['case/Foo', 'case/foo', 'con/aux.txt', 'new\nline', 'pct/%2F%%value', '-rf', 'x.gpg', `long/${'n'.repeat(230)}`],
];
const notText = 'bad\xff\xfe';

subject('random operations beside a model: dir', async (subject) => {
  if (people === undefined) return subject.skip('gpg is missing');
  await inFlight(range(subject.scale(12, 240)), atOnce, (index) =>
    play(subject, people, index, (parent, name) => liveDirectory(parent, name), [...keys, notText]),
  );
});

subject('random operations beside a model: etcd', async (subject) => {
  if (people === undefined) return subject.skip('gpg is missing');
  if (findBinary('etcd') === undefined || findBinary('etcdctl') === undefined) return subject.skip('etcd is missing');
  await using etcd = await startEtcd();
  await inFlight(range(subject.scale(4, 60)), atOnce, (index) =>
    play(subject, people, index, (_, name) => liveEtcd(etcd, `/${index}-${name}/`), keys),
  );
});

async function play(
  subject: Subject,
  people: People,
  index: number,
  makeLive: (parent: string, name: string) => Live,
  names: readonly string[],
): Promise<void> {
  const random = seeded(subject.random.below(2 ** 31) + index);
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const steps: string[] = [];
  const must = (holds: boolean, violation: string) =>
    subject.must(holds, `sequence ${index}: ${steps.join(', ')}: ${violation}`);
  const { count } = subject;
  const remote = openRemote(join(path, 'remote.git'), must);
  mkdirSync(join(path, 'host'));
  const own = join(path, 'host');
  const host = openHost({ path: own, live: makeLive(own, 'live'), remote: remote.path, people, random, must, count });
  const neighbour = await openNeighbour(join(path, 'neighbour'), remote.path, random);
  let targets = 0;
  const target = () => makeLive(own, `target-${targets++}`);

  const change = async () => {
    for (let times = 1 + random.below(4); times > 0; times--) {
      if (random() < 0.3) await host.remove();
      else await host.write(random.pick(names), someValue(random));
    }
  };
  const changed = (run: () => Promise<unknown>) => async () => {
    await change();
    await run();
  };
  /** Both push at once, or one of them; each killed or not. */
  const push = async (isKilled: boolean, withNeighbour: boolean, withHost: boolean) => {
    const [ours, theirs] = await Promise.all([
      withHost ? host.backup({ isKilled, push: true }) : undefined,
      withNeighbour ? neighbour.push(isKilled) : undefined,
    ]);
    if (!isKilled) must((theirs?.status ?? 0) === 0, `the neighbour: ${theirs?.status} ${theirs?.stderr}`);
    remote.follow();
    if (ours?.status === 0) remote.hasNewest(host.repository, 'app');
    if (theirs?.status === 0) remote.hasNewest(neighbour.repository, 'b');
  };
  const possible: readonly (readonly [weight: number, name: string, () => Promise<unknown>])[] = [
    [6, 'change', change],
    [3, 'change, backup', changed(() => host.backup())],
    [5, 'change, killed backup', changed(() => host.backup({ isKilled: true }))],
    [2, 'backup', () => host.backup()],
    [2, 'change, push', changed(() => push(false, false, true))],
    [2, 'killed push', () => push(true, false, true)],
    [1, 'push of another host', () => push(false, true, false)],
    [1, 'two pushes at once', () => push(false, true, true)],
    [1, 'two killed pushes', () => push(true, true, true)],
    [1, 'gc', async () => host.collectGarbage()],
    [1, 'maintenance', () => host.maintain(false)],
    [1, 'killed maintenance', () => host.maintain(true)],
    [4, 'other rule', async () => host.changeRule()],
    [1, 'rekey', () => host.rekey(false)],
    [2, 'killed rekey', () => host.rekey(true)],
    [2, 'a day', async () => host.letTimePass()],
    [1, 'harmed caches', async () => host.harmCaches()],
    [2, 'restore', () => host.restore(target())],
    [1, 'restore into a half-filled place', () => host.restore(target(), { isFilled: true })],
    [2, 'killed restore', () => host.restore(target(), { isKilled: true, isFilled: random() < 0.5 })],
    [1, 'archive', () => host.archive(false)],
    [1, 'killed archive', () => host.archive(true)],
  ];

  for (const name of ['a', 'secret/password', 'app/db/url', 'case/Foo']) await host.write(name, someValue(random));
  await host.backup();
  for (let done = 0; done < operations; done++) {
    const [, name, run] = draw(random, possible);
    steps.push(name);
    count('operations');
    await run();
  }

  steps.push('the end');
  await end(host, neighbour, remote, must);
  count('sequences');
}

/** Whatever happened: a last run of each needs no help, and nothing is lost, neither here nor at the remote. */
async function end(
  host: Host,
  neighbour: Neighbour,
  remote: Remote,
  must: (holds: boolean, violation: string) => void,
): Promise<void> {
  const last = await host.backup({ push: true });
  must(last.status === 0, `the last push: ${last.status} ${last.stderr}`);
  must((await neighbour.push(false)).status === 0, 'the last push of the neighbour');
  remote.follow();
  for (const [repository, store] of [
    [host.repository, 'app'],
    [neighbour.repository, 'b'],
  ] as const) {
    remote.hasNewest(repository, store);
    remote.hasAll(repository, store);
  }
  host.holdAll();
}

type Neighbour = Awaited<ReturnType<typeof openNeighbour>>;

/** Another host, which pushes a store of its own to the same remote. */
async function openNeighbour(path: string, remote: string, random: Random) {
  mkdirSync(join(path, 'b'), { recursive: true });
  const env = { TMPDIR: path };
  const args = ['backup', 'dir:b', '--store', 'b', '--push'];
  await treekeeper(path, ['init'], env);
  await treekeeper(path, ['remote', 'add', 'origin', remote], env);
  return {
    repository: join(path, 'snapshots.git'),
    push(isKilled: boolean): Promise<Run> {
      writeFileSync(join(path, 'b', `${random.below(5)}`), random.bytes(20));
      return isKilled ? killedRun(path, args, env, random() * 700) : treekeeper(path, args, env);
    },
  };
}

/** Mostly short ones; text, since etcdctl takes values as arguments. */
function someValue(random: Random): Buffer {
  const length = random.pick([0, 1, 20, 200, 3_000, 50_000]);
  return Buffer.from(
    random
      .bytes(Math.ceil(length / 2))
      .toString('hex')
      .slice(0, length),
  );
}

function draw<Item extends readonly [weight: number, ...unknown[]]>(random: Random, items: readonly Item[]): Item {
  let left = random.below(items.reduce((sum, [weight]) => sum + weight, 0));
  for (const item of items) {
    left -= item[0];
    if (left < 0) return item;
  }
  throw new Error('there is nothing to choose');
}
