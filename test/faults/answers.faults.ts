import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fill, storeKinds } from '../commands/stores.ts';
import { inFlight } from '../in-flight.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { open, record, someFaults } from './changed.ts';
import { atOnce, requireOrderly, requireTold, runLimited } from './judgement.ts';
import { caseDirectory, gitIn, needServers, randomTree, relocated } from './live.ts';
import { anyMutation, makeHuge } from './mutations.ts';
import { describeFault, type Fault, startRelay } from './relay.ts';
import { catchStrays } from './strays.ts';
import { subject } from './subject.ts';

const leaves = 100;
/** In MiB. What a run takes by itself is about a third of the first. */
const mostMemory = { change: 400, flood: 700 } as const;

for (const { kind, start, key } of storeKinds) {
  subject(`answers that make no sense: ${kind}`, async (subject) => {
    needServers(subject);
    await using directory = await temporaryDirectory();
    await using store = await start();
    const tree = randomTree(subject.random, key('t'), leaves);
    await fill(store, tree.slice(0, -10));
    await record(directory.path, store);
    await fill(store, tree.slice(-10));
    const quiet = caseDirectory(directory.path, 'quiet');
    await using relay = await startRelay(store.endpoint);
    const nodes = await record(quiet, store, relay.endpoint);
    const whole = gitIn(quiet, 'rev-parse', 'main:s');
    const before = gitIn(directory.path, 'rev-parse', 'main');
    await using service = store.open();
    const { pointInTime: isPointInTime } = service.traits;
    const strays = catchStrays();

    const read = async (fault: Fault, index: number) => {
      const path = caseDirectory(directory.path, String(index));
      const where = `read ${index}: ${describeFault(fault)}`;
      await using changing = await startRelay(store.endpoint, fault);
      const isDone = await requireTold(subject, strays, where, async () => {
        const found = await record(path, store, changing.endpoint);
        const isSame = gitIn(path, 'rev-parse', 'main:s') === whole;
        // In a read of many requests, a list of children that is changed looks like one of children that are gone.
        const mayLack = !isPointInTime;
        subject.must(isSame || found === nodes || mayLack, `${where}: a snapshot of ${found} nodes of ${nodes}`);
        subject.count(isSame ? 'read as they were' : found === nodes ? 'read as others' : 'read as fewer');
      });
      if (!isDone) {
        subject.must(gitIn(path, 'rev-parse', 'main') === before, `${where}: refused, and a commit`);
        subject.count('reads refused');
      }
      rmSync(path, { recursive: true });
    };

    const create = async (fault: Fault, index: number) => {
      const where = `create ${index}: ${describeFault(fault)}`;
      const own = relocated(tree, key('t'), key(`c${index}`));
      await using changing = await startRelay(store.endpoint, fault);
      await using service = await open(store, changing.endpoint);
      const isDone = await requireTold(subject, strays, where, async () => {
        const outcomes = await service.create(own);
        subject.must(outcomes.length === own.length, `${where}: ${outcomes.length} outcomes for ${own.length} nodes`);
        subject.count('creations answered');
      });
      if (!isDone) subject.count('creations refused');
    };

    try {
      await inFlight(someFaults(subject.random, relay, 'answer', subject.scale(60, 6_000), anyMutation), atOnce, read);
      await inFlight(
        someFaults(subject.random, relay, 'answer', subject.scale(30, 2_000), anyMutation),
        atOnce,
        create,
      );
    } finally {
      strays.stop();
    }

    const measuring = join(import.meta.dirname, 'most-memory.mjs');
    const measured = (['change', 'flood'] as const).flatMap((harm) =>
      someFaults(subject.random, relay, 'answer', subject.scale(5, 300), makeHuge).map((fault) => ({ ...fault, harm })),
    );
    await inFlight(measured, atOnce, async (fault, index) => {
      const path = caseDirectory(directory.path, `memory${index}`);
      const where = `memory ${index}: ${describeFault(fault)}`;
      await using changing = await startRelay(store.endpoint, fault);
      const args = ['backup', `${store.url(changing.endpoint)}/t`, '--store', 's', '--timeout', '1'];
      const env = { ...store.env, NODE_OPTIONS: `--import=${measuring}`, MOST_MEMORY: join(path, 'memory') };
      requireOrderly(subject, await runLimited(path, args, env), where);
      const memory = Number(readFileSync(join(path, 'memory'), 'utf8'));
      subject.must(memory < mostMemory[fault.harm], `${where}: ${memory} MiB`);
      subject.count(`memory measured after a ${fault.harm}`);
    });
  });
}
