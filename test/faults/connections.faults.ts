import { rmSync } from 'node:fs';
import type { Run } from '../commands/run.ts';
import { fill, storeKinds } from '../commands/stores.ts';
import { inFlight } from '../in-flight.ts';
import { temporaryDirectory } from '../servers/process.ts';
import {
  atOnce,
  prepareTarget,
  requireAllOrNothing,
  requireOnlyCreated,
  requireOrderly,
  runLimited,
} from './judgement.ts';
import { caseDirectory, gitIn, needServers, randomTree, relocated, reported } from './live.ts';
import { flip, lose } from './mutations.ts';
import { describeFault, type Fault, type Relay, type Side, startRelay } from './relay.ts';
import { type Subject, subject } from './subject.ts';

/** Seconds, so short that a connection that says nothing is soon given up. */
const patience = ['--timeout', '1', '--store', 's', '--json'];
const leaves = 150;

/** TCP tells when bytes are other ones or missing, unless somebody in between has made it so. */
const isUndetectable = ({ harm }: Fault) => harm === 'change';

const harms = ['delay', 'reset', 'end', 'gone', 'stall', 'drip', 'change', 'change'] as const;

for (const { kind, start, key } of storeKinds) {
  subject(`a bad connection in a backup: ${kind}`, async (subject) => {
    needServers(subject);
    await using directory = await temporaryDirectory();
    await using store = await start();
    const top = key('t');
    const tree = randomTree(subject.random, top, leaves);
    const backup = (where: string, url: string) => runLimited(where, ['backup', url, ...patience], store.env);
    const [later, earlier] = [tree.slice(-10), tree.slice(0, -10)];
    await fill(store, earlier);
    const first = await backup(directory.path, store.url());
    if (first.status !== 0) throw new Error(first.stderr);
    await fill(store, later);
    const before = gitIn(directory.path, 'rev-parse', 'main');
    await using service = store.open();
    const { pointInTime: isPointInTime } = service.traits;

    const quiet = caseDirectory(directory.path, 'quiet');
    const passed = await withRelay(store.endpoint, undefined, async (relay) => {
      const run = await backup(quiet, store.url(relay.endpoint));
      if (run.status !== 0) throw new Error(run.stderr);
      return { ...relay.passed };
    });
    const whole = gitIn(quiet, 'rev-parse', 'main:s');
    const nodes = Number(reported(await backup(quiet, store.url()), 'backup')[0]?.['nodes']);

    const faults = anyFaults(subject, passed, subject.scale(30, 1_500));
    await inFlight(faults, atOnce, async (fault, index) => {
      const where = `${index}: ${describeFault(fault)}`;
      const path = caseDirectory(directory.path, String(index));
      const run = await withRelay(store.endpoint, fault, ({ endpoint }) => backup(path, store.url(endpoint)));
      if (!isUndetectable(fault)) requireAllOrNothing(subject, run, path, { before, whole }, where);
      else {
        requireOrderly(subject, run, where);
        const isWhole = gitIn(path, 'rev-parse', 'main:s') === whole;
        const isNew = gitIn(path, 'rev-parse', 'main') !== before;
        subject.must(run.status === 0 || run.status === 3 || !isNew, `${where}: exit ${run.status}, and a commit`);
        const count = nodesOf(run);
        // In a read of many requests, a list of children that is changed looks like one of children that are gone; and a
        // request that is changed is another request, whose answer is one all the same.
        const mayLack = count === nodes || !isPointInTime || fault.side === 'request';
        subject.must(run.status !== 0 || isWhole || mayLack, `${where}: exit 0, and ${count} nodes of ${nodes}`);
        subject.count(run.status !== 0 ? 'damaged and refused' : isWhole ? 'damaged in vain' : 'damaged unnoticed');
      }
      rmSync(path, { recursive: true });
    });

    const last = await backup(directory.path, store.url());
    subject.must(last.status === 0, `the last run, undisturbed: ${last.status} ${last.stderr}`);
    subject.must(gitIn(directory.path, 'rev-parse', 'main:s') === whole, 'the service is not as it was');
  });

  subject(`a bad connection in a restore: ${kind}`, async (subject) => {
    needServers(subject);
    await using directory = await temporaryDirectory();
    await using store = await start();
    const tree = randomTree(subject.random, key('t'), leaves);
    await fill(store, tree);
    const first = await runLimited(directory.path, ['backup', store.url(), ...patience], store.env);
    if (first.status !== 0) throw new Error(first.stderr);

    const restore = (name: string, url: string) =>
      runLimited(
        directory.path,
        ['restore', 'latest', url, '--map', `${key('t')}=${key(name)}`, ...patience],
        store.env,
      );
    const passed = await withRelay(store.endpoint, undefined, async (relay) => {
      await restore('quiet', store.url(relay.endpoint));
      return { ...relay.passed };
    });

    const faults = anyFaults(subject, passed, subject.scale(18, 1_000));
    await inFlight(faults, atOnce, async (fault, index) => {
      const name = `c${index}`;
      const own = relocated(tree, key('t'), key(name));
      const target = await prepareTarget(store, key(name), own, () => restore(name, store.url()));
      const where = `${index}: ${describeFault(fault)}`;
      const run = await withRelay(store.endpoint, fault, ({ endpoint }) => restore(name, store.url(endpoint)));
      if (!isUndetectable(fault)) return requireOnlyCreated(subject, run, target, where);
      requireOrderly(subject, run, where);
      // etcd compares one key and puts another; the others decide about the one that they write.
      const mayOverwrite = kind === 'etcd' && fault.side === 'request';
      const isKept = (await store.versionOf(target.kept)) === target.version;
      subject.must(isKept || mayOverwrite, `${where}: the node of another was written to`);
      subject.count('damaged');
    });
  });
}

/** One harm after the other; a third of them where connections begin. */
function anyFaults({ random }: Subject, passed: Relay['passed'], count: number): Fault[] {
  return Array.from({ length: count }, (_, index) => {
    const harm = harms[index % harms.length] ?? 'end';
    const side: Side = random.below(3) === 0 ? 'request' : 'answer';
    const at = random.below(random.below(3) === 0 ? Math.min(1_000, passed[side]) : passed[side]);
    return { side, at, harm, mutation: random.pick([flip, lose])(random) };
  });
}

async function withRelay<Result>(
  target: Parameters<typeof startRelay>[0],
  fault: Fault | undefined,
  use: (relay: Relay) => Promise<Result>,
): Promise<Result> {
  await using relay = await startRelay(target, fault);
  return await use(relay);
}

/** Those that were left out on purpose included. */
function nodesOf(run: Run): number {
  const [report] = reported(run, 'backup');
  const skipped = Object.values((report?.['skipped'] ?? {}) as Record<string, number>);
  return skipped.reduce((sum, count) => sum + count, Number(report?.['nodes']));
}
