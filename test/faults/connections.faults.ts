import { rmSync } from 'node:fs';
import { latin1 } from '../../src/snapshot/paths.ts';
import type { Run } from '../commands/run.ts';
import { fill, node, storeKinds } from '../commands/stores.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { inParallel, requireOrderly, runLimited } from './judgement.ts';
import { caseDirectory, contentOf, gitIn, needServers, randomTree, reported } from './live.ts';
import { flip, lose } from './mutations.ts';
import { describeFault, type Fault, type Relay, type Side, startRelay } from './relay.ts';
import { type Subject, subject } from './subject.ts';

/** Seconds, so short that a connection that says nothing is soon given up. */
const patience = ['--timeout', '1', '--store', 's', '--json'];
const leaves = 150;

/** TCP tells when bytes are other ones or missing, unless somebody in between has made it so. */
const isUndetectable = ({ harm }: Fault) => harm === 'change';

const harms = ['delay', 'reset', 'end', 'gone', 'stall', 'change', 'change'] as const;

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

    const quiet = caseDirectory(directory.path, 'quiet');
    const passed = await withRelay(store.endpoint, undefined, async (relay) => {
      const run = await backup(quiet, store.url(relay.endpoint));
      if (run.status !== 0) throw new Error(run.stderr);
      return { ...relay.passed };
    });
    const whole = gitIn(quiet, 'rev-parse', 'main:s');
    const nodes = Number(reported(await backup(quiet, store.url()), 'backup')[0]?.['nodes']);

    const faults = anyFaults(subject, passed, subject.scale(45, 1_500));
    await inParallel(faults, async (fault, index) => {
      const where = `${index}: ${describeFault(fault)}`;
      const path = caseDirectory(directory.path, String(index));
      const run = await withRelay(store.endpoint, fault, ({ endpoint }) => backup(path, store.url(endpoint)));
      requireOrderly(subject, run, where);
      const after = gitIn(path, 'rev-parse', 'main');
      const isWhole = gitIn(path, 'rev-parse', `${after}:s`) === whole;

      if (!isUndetectable(fault)) {
        subject.must(run.status === 0 || run.status === 15, `${where}: exit ${run.status}: ${run.stderr}`);
        subject.must(run.status !== 0 || isWhole, `${where}: exit 0, and another tree`);
        subject.must(run.status === 0 || after === before, `${where}: exit ${run.status}, and a commit`);
      } else if (run.status === 0 && !isWhole) {
        const count = nodesOf(run);
        subject.must(count === nodes, `${where}: exit 0, and ${count} nodes of ${nodes}`);
        subject.count('damaged unnoticed');
      } else if (after !== before && !isWhole) {
        subject.must(run.status === 3, `${where}: exit ${run.status}, and a commit`);
      }
      subject.count(run.status === 0 ? 'whole' : 'refused');
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

    const faults = anyFaults(subject, passed, subject.scale(30, 1_000));
    await inParallel(faults, async (fault, index) => {
      const name = `c${index}`;
      const wanted = new Map(
        tree.map((one) => [key(name) + latin1(one.key).slice(key('t').length), latin1(one.value ?? new Uint8Array())]),
      );
      const kept = `${key(name)}/d0/n100`;
      await fill(store, [node(key(name), 'top'), node(`${key(name)}/d0`, ''), node(kept, 'of another')]);
      wanted.set(kept, 'of another');
      const version = await store.versionOf(kept);

      const where = `${index}: ${describeFault(fault)}`;
      const run = await withRelay(store.endpoint, fault, ({ endpoint }) => restore(name, store.url(endpoint)));
      requireOrderly(subject, run, where);
      if (!isUndetectable(fault)) {
        subject.must(run.status === 3 || run.status === 15, `${where}: exit ${run.status}: ${run.stderr}`);
        const there = await contentOf(store, key(name));
        for (const [found, value] of there)
          subject.must(wanted.get(found) === value, `${where}: ${found} is not as in the snapshot`);
        for (const made of createdBy(run)) subject.must(there.has(made), `${where}: created ${made}, it says`);
        if (run.status === 3) subject.must(there.size === wanted.size, `${where}: not all, and exit 3`);

        const next = await restore(name, store.url());
        subject.must(next.status === 3, `${where}: the next run: ${next.status} ${next.stderr}`);
        subject.must((await contentOf(store, key(name))).size === wanted.size, `${where}: the next run left some out`);
        subject.count(run.status === 3 ? 'whole' : 'broken off');
      } else subject.count('damaged');
      subject.must((await store.versionOf(kept)) === version, `${where}: the node of another was written to`);
    });
  });
}

/** One harm after the other; a third of them where connections begin. */
function anyFaults({ random }: Subject, passed: Relay['passed'], count: number): Fault[] {
  return Array.from({ length: count }, (_, index) => {
    const harm = harms[index % harms.length] ?? 'end';
    // A request that is changed is another request, of which nobody can tell what comes of it.
    const side: Side = harm !== 'change' && random.below(3) === 0 ? 'request' : 'answer';
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

function createdBy(run: Run): string[] {
  return reported(run, 'outcome').flatMap(({ key, status }) => (status === 'created' ? [String(key)] : []));
}
