import { rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { fill, node, storeKinds } from '../commands/stores.ts';
import { inFlight } from '../in-flight.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { inTime, open, record, someFaults } from './changed.ts';
import { atOnce, requireTold } from './judgement.ts';
import { caseDirectory, contentOf, gitIn, needServers, randomTree, relocated } from './live.ts';
import { anyMutation } from './mutations.ts';
import { describeFault, type Fault, startRelay } from './relay.ts';
import { catchStrays } from './strays.ts';
import { subject } from './subject.ts';

/*
 * A server that was asked something else answers that, and over a plain connection nobody can tell: a snapshot may lack
 * nodes or have the values of others, and a node that is said to be created may have become another one. That is what TLS is
 * for. What holds all the same:
 *
 * - Each run ends in time, with a result or with an error for its user, and one that ends with an error makes no commit.
 * - A read writes nothing: what is changed in a request to read is no request to write yet.
 * - ZooKeeper, and Consul in its transactions, decide about the very key that they write whether it is missing. Whatever a
 *   key is changed into, nothing that was there is written to; that would take another operation as well. In etcd the key
 *   that is compared and the key that is put are two of the request, and where only one of them is changed it may overwrite.
 *   That is counted, and nothing that its protocol keeps from happening.
 */

const leaves = 100;

for (const { kind, start, key } of storeKinds) {
  subject(`requests that were changed: ${kind}`, async (subject) => {
    needServers(subject);
    await using directory = await temporaryDirectory();
    await using store = await start();
    const top = key('t');
    const tree = randomTree(subject.random, top, leaves);
    await fill(store, tree.slice(0, -10));
    await record(directory.path, store);
    await fill(store, tree.slice(-10));
    const before = gitIn(directory.path, 'rev-parse', 'main');
    const content = await contentOf(store, top);
    await using reading = await startRelay(store.endpoint);
    const quiet = caseDirectory(directory.path, 'quiet');
    await record(quiet, store, reading.endpoint);
    const whole = gitIn(quiet, 'rev-parse', 'main:s');
    const strays = catchStrays();

    /** What one of the runs may end with. */
    async function orderly(where: string, what: string, run: () => Promise<string>): Promise<void> {
      const isDone = await requireTold(subject, strays, where, async () =>
        subject.count(`${what}: ${await inTime(run())}`),
      );
      if (!isDone) subject.count(`${what}: refused`);
    }

    async function read(fault: Fault, index: number): Promise<void> {
      const path = caseDirectory(directory.path, String(index));
      const where = `read ${index}: ${describeFault(fault)}`;
      await using changing = await startRelay(store.endpoint, fault);
      let isRecorded = false;
      await orderly(where, 'read', async () => {
        await record(path, store, changing.endpoint);
        isRecorded = true;
        return gitIn(path, 'rev-parse', 'main:s') === whole ? 'as it was' : 'as another';
      });
      subject.must(isRecorded || gitIn(path, 'rev-parse', 'main') === before, `${where}: refused, and a commit`);
      rmSync(path, { recursive: true });
    }

    /** One node of each is there before, and differs; the creation is told to make it all the same. */
    async function create(fault: Fault, index: number): Promise<void> {
      const where = `create ${index}: ${describeFault(fault)}`;
      const own = relocated(tree, top, key(`c${index}`));
      const kept = key(`c${index}/d0/n100`);
      await fill(store, [node(key(`c${index}`), 'top'), node(key(`c${index}/d0`), ''), node(kept, 'of another')]);
      const version = await store.versionOf(kept);
      await using changing = await startRelay(store.endpoint, fault);
      await using service = await open(store, changing.endpoint);
      await orderly(where, 'create', async () => {
        const outcomes = await service.create(own);
        await service.settle?.();
        subject.must(outcomes.length === own.length, `${where}: ${outcomes.length} outcomes for ${own.length} nodes`);
        return 'answered';
      });
      const isKept = (await store.versionOf(kept)) === version;
      if (!isKept) subject.count('create: overwritten');
      subject.must(isKept || kind === 'etcd', `${where}: the node of another was written to`);
    }

    try {
      await inFlight(
        someFaults(subject.random, reading, 'request', subject.scale(60, 6_000), anyMutation),
        atOnce,
        read,
      );
      subject.must(isDeepStrictEqual(await contentOf(store, top), content), 'a read changed what is in the service');

      await using creating = await startRelay(store.endpoint);
      await using service = await open(store, creating.endpoint);
      await service.create(relocated(tree, top, key('q')));
      await inFlight(
        someFaults(subject.random, creating, 'request', subject.scale(30, 3_000), anyMutation),
        atOnce,
        create,
      );
    } finally {
      strays.stop();
    }

    const after = await contentOf(store, top);
    for (const [name, value] of content)
      subject.must(after.get(name) === value || kind === 'etcd', `${name}, which no run was about, was written to`);
  });
}
