import { setTimeout as delay } from 'node:timers/promises';
import { fill, node, storeOf } from '../commands/stores.ts';
import { startEtcd } from '../servers/etcd.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { startHistory } from './history.ts';
import { requireMoment, requireOrderly, runLimited } from './judgement.ts';
import { contentOf, gitIn, needServers, reported } from './live.ts';
import { subject } from './subject.ts';

/** Milliseconds between two compactions, at the most: some reads are over before the next one, and some never get there. */
const longestPauses = [20, 150, 500];

/** Large values make a read of many pages, so that a revision can vanish in the middle of it. */
const large = 20_000;

subject('snapshots of an etcd that forgets its revisions while somebody writes', async (subject) => {
  needServers(subject);
  await using directory = await temporaryDirectory();
  await using etcd = await startEtcd();
  const store = storeOf(etcd);
  const leaves = Array.from({ length: 300 }, (_, index) => `/t/n${index}`);
  const heavy = Array.from({ length: 1_000 }, (_, index) => `/t/heavy/${index}`);
  await fill(store, [
    ...leaves.map((key) => node(key, 'begin')),
    ...heavy.map((key) => node(key, subject.random.bytes(large))),
  ]);
  await using writer = store.writer();
  const history = startHistory(writer, await contentOf(store, '/t'), leaves, subject.random);
  let isOver = false;
  const forget = async () => {
    while (!isOver) {
      const { header } = JSON.parse(await etcd.ctl('get', '/t/n0', '-w', 'json'));
      // Somebody else's compaction, or none since the last, is no fault.
      await etcd.ctl('compaction', String(header.revision)).catch(() => {});
      subject.count('compactions');
      await delay(subject.random.below(subject.random.pick(longestPauses)));
    }
  };
  const forgetting = forget();

  try {
    await runLimited(directory.path, ['init']);
    for (let done = 0; done < subject.scale(12, 300); done++) {
      const before = gitIn(directory.path, 'for-each-ref');
      const first = history.done;
      const args = ['backup', `${store.url()}/t`, '--store', 's', '--json', '--timeout', '20'];
      const run = await runLimited(directory.path, args);
      const last = history.begun;
      requireOrderly(subject, run, `after ${first} changes`);
      if (run.status !== 0) {
        subject.count('refused');
        subject.must(run.status === 15, `after ${first} changes: exit ${run.status}: ${run.stderr}`);
        subject.must(
          gitIn(directory.path, 'for-each-ref') === before,
          `after ${first} changes: a commit of a broken read`,
        );
        continue;
      }
      const [made = {}] = reported(run, 'backup');
      subject.must(made['consistency'] === 'exact', `after ${first} changes: ${made['consistency']}`);
      await requireMoment(subject, history, directory.path, made, [first, last]);
    }
  } finally {
    isOver = true;
    await Promise.all([forgetting, history.stop()]);
  }
  subject.count('changes', history.done);
});
