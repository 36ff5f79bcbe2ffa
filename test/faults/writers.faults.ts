import { setTimeout as delay } from 'node:timers/promises';
import { latin1 } from '../../src/snapshot/paths.ts';
import type { Run } from '../commands/run.ts';
import { fill, node, storeKinds } from '../commands/stores.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { startHistory } from './history.ts';
import { requireMoment, requireOrderly, runLimited } from './judgement.ts';
import { contentOf, gitIn, needServers, randomTree, relocated, reported } from './live.ts';
import { subject } from './subject.ts';

for (const { kind, start, key } of storeKinds) {
  subject(`snapshots while somebody writes: ${kind}`, async (subject) => {
    needServers(subject);
    await using directory = await temporaryDirectory();
    await using store = await start();
    const top = key('t');
    const leaves = Array.from({ length: 300 }, (_, index) => `${top}/d${index % 10}/n${index}`);
    const parents = [top, ...Array.from({ length: 10 }, (_, index) => `${top}/d${index}`)];
    await fill(
      store,
      [...parents, ...leaves].map((one) => node(one, 'begin')),
    );
    await using writer = store.writer();
    const history = startHistory(writer, await contentOf(store, top), leaves, subject.random);
    const backup = () =>
      runLimited(
        directory.path,
        ['backup', `${store.url()}/t`, '--store', 's', '--json', '--timeout', '20'],
        store.env,
      );

    try {
      await runLimited(directory.path, ['init']);
      for (let done = 0; done < subject.scale(17, 340); ) {
        const first = history.done;
        const runs = await Promise.all(Array.from({ length: 1 + subject.random.below(2) }, backup));
        const last = history.begun;
        done += runs.length;
        const made = runs.flatMap((run) => reported(run, 'backup'));
        for (const run of runs) {
          requireOrderly(subject, run, `after ${first} changes`);
          const isLocked = run.status === 11 && runs.length > 1;
          subject.must(run.status === 0 || isLocked, `after ${first} changes: exit ${run.status}: ${run.stderr}`);
        }
        subject.must(made.length > 0, `after ${first} changes: none of ${runs.length} backups was made`);

        for (const one of made) await requireMoment(subject, history, directory.path, one, [first, last]);
        subject.count('locked out', runs.length - made.length);
      }
      subject.must(gitIn(directory.path, 'fsck', '--strict', '--no-dangling') === '', 'fsck complains');
      subject.count('changes', history.done);
    } finally {
      await history.stop();
    }
  });

  subject(`restores that race with clients and each other: ${kind}`, async (subject) => {
    needServers(subject);
    const { random } = subject;
    await using directory = await temporaryDirectory();
    await using store = await start();
    await using writer = store.writer();
    const tree = randomTree(random, key('t'), 400);
    await fill(store, tree);
    const first = await runLimited(directory.path, ['backup', store.url(), '--store', 's'], store.env);
    if (first.status !== 0) throw new Error(first.stderr);

    for (let round = 0; round < subject.scale(3, 150); round++) {
      const to = key(`r${round}`);
      const own = relocated(tree, key('t'), to);
      const wanted = new Map(own.map((one) => [latin1(one.key), latin1(one.value ?? new Uint8Array())]));
      const written = new Map<string, string>();
      const restore = () =>
        runLimited(
          directory.path,
          ['restore', 'latest', store.url(), '--map', `${key('t')}=${to}`, '--json', '--timeout', '20'],
          store.env,
        );

      let isOver = false;
      const restoring = Promise.all([restore(), restore()]).finally(() => {
        isOver = true;
      });
      const parents = [to, ...own.map((one) => latin1(one.key)).filter((one) => /\/d\d$/.test(one))];
      // Parents first, and slowly: the restores begin in the middle of it.
      while (!isOver) {
        const one = written.size < parents.length ? (parents[written.size] ?? to) : latin1(random.pick(own).key);
        const value = `of a client, ${random.below(1_000_000)}`;
        await writer.put(one, value);
        written.set(one, value);
        await delay(random.below(10));
      }
      const runs = await restoring;

      const where = `round ${round}`;
      for (const run of runs) {
        requireOrderly(subject, run, where);
        subject.must(run.status === 0 || run.status === 3, `${where}: exit ${run.status}: ${run.stderr}`);
      }
      const there = await contentOf(store, to);
      subject.must(there.size === wanted.size, `${where}: ${there.size} nodes, not ${wanted.size}`);
      for (const [one, value] of there) {
        const expected = written.get(one) ?? wanted.get(one);
        subject.must(value === expected, `${where}: ${one} is ${value}, not ${expected}`);
        requireTruth(one, written.has(one), runs, (problem) => subject.must(false, `${where}: ${one}: ${problem}`));
      }
      subject.count('nodes of clients', written.size);
      subject.count('restores', runs.length);
    }
  });
}

/** Each node is created once, and what is reported of it is what was. */
function requireTruth(key: string, isClients: boolean, runs: readonly Run[], tell: (problem: string) => void): void {
  const outcomes = runs.flatMap((run) => reported(run, 'outcome').filter((outcome) => outcome['key'] === key));
  const created = outcomes.filter(({ status }) => status === 'created').length;
  if (isClients ? created > 1 : created !== 1) tell(`${created} restores say that they created it`);
  if (!isClients && outcomes.some(({ same }) => same === false)) tell('one says that it differs');
  for (const { status, reason } of outcomes) if (status === 'failed') tell(`it failed: ${reason}`);
}
