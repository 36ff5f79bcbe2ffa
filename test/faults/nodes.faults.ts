import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { TreekeeperError } from '../../src/errors.ts';
import { backup } from '../../src/operations/backup.ts';
import { openForBackup, openForReading } from '../../src/operations/open.ts';
import { planRestore } from '../../src/operations/plan-restore.ts';
import { applyPlan } from '../../src/operations/restore.ts';
import { locate } from '../../src/operations/revision.ts';
import { openConsul } from '../../src/services/consul.ts';
import { openEtcd } from '../../src/services/etcd.ts';
import type { Service } from '../../src/services/service.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { inFlight } from '../in-flight.ts';
import { type Content, inMemory, type NodeFault, nodeFaults } from '../operations/faulty-services.ts';
import { policy } from '../operations/snapshots.ts';
import type { Random } from '../random.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { atOnce } from './judgement.ts';
import { caseDirectory, gitIn, snapshotIn } from './live.ts';
import { subject } from './subject.ts';

/** Nobody is asked: what is real of these are their traits, and what they refuse. */
const nowhere = { endpoints: [], root: new Uint8Array(), timeout: 1 };
const drivers: readonly {
  readonly kind: string;
  readonly driver: Service;
  key(name: string): string;
  /** Nodes that are always there. */
  readonly always: readonly string[];
}[] = [
  { kind: 'etcd', driver: openEtcd(nowhere), key: (name) => `/${name}`, always: [] },
  { kind: 'zookeeper', driver: openZookeeper(nowhere), key: (name) => `/${name}`, always: ['/'] },
  { kind: 'consul', driver: openConsul(nowhere), key: (name) => name, always: [] },
];

for (const { kind, driver, key, always } of drivers) {
  subject(`faults of single nodes: ${kind}`, async (subject) => {
    await using directory = await temporaryDirectory();
    const old = someContent(subject.random, always, key('t'), 120);
    await record(directory.path, inMemory(driver, old));
    const before = gitIn(directory.path, 'rev-parse', 'main');
    const live = changed(subject.random, old, key);
    const keys = [...live.keys()].filter((one) => !always.includes(one) && one !== key('t'));
    const chosen = Array.from({ length: subject.scale(50, 1_700) }, (_, index) => {
      const main = [keys[index % keys.length] ?? '', subject.random.pick(nodeFaults)] as const;
      const others = Array.from({ length: subject.random.below(3) }, () => subject.random.pick(keys));
      return new Map<string, NodeFault>([...others.map((one) => [one, 'no rights'] as const), main]);
    });

    await inFlight(chosen, atOnce, async (faults, index) => {
      const where = `${index}: ${[...faults].map((fault) => fault.join(' ')).join(', ')}`;
      const path = caseDirectory(directory.path, String(index));
      const service = inMemory(driver, live, faults);
      const fate = (one: string) => fateOf(one, faults, driver.traits.parentsFirst);
      const ends = [...faults].filter(([one, fault]) => endsRead(fault) && fate(one) === 'read');

      try {
        const { unreadable } = await record(path, service);
        subject.must(ends.length === 0, `${where}: a snapshot of a read that broke off`);
        subject.must(await holds(path, carriedForward(old, live, fate)), `${where}: another tree`);
        const expected = [...live.keys()].filter((one) => fate(one) === 'unreadable').sort();
        const listed = unreadable.map((item) => latin1(item.key)).sort();
        subject.must(String(listed) === String(expected), `${where}: unreadable are ${listed}, not ${expected}`);
        const complete = gitIn(path, 'log', '-1', '--format=%(trailers:key=Complete,valueonly)', 'main').trim();
        const words = expected.length === 0 ? 'yes' : `no (${expected.length} unreadable)`;
        subject.must(gitIn(path, 'rev-parse', 'main') === before || complete === words, `${where}: ${complete}`);
        subject.count(expected.length === 0 ? 'complete' : 'incomplete');
      } catch (thrown) {
        const code = thrown instanceof TreekeeperError ? thrown.code : undefined;
        const kept = carriedForward(old, live, fate);
        const isMassive = [...old.keys()].filter((one) => !kept.has(one)).length * 2 > old.size;
        const isRight = ends.length > 0 ? code === 'unreachable' : code === 'guard' && isMassive;
        subject.must(isRight, `${where}: ${thrown instanceof Error ? thrown.stack : thrown}`);
        subject.must(gitIn(path, 'rev-parse', 'main') === before, `${where}: it failed, and there is a commit`);
        subject.count('refused');
      }
      await record(path, inMemory(driver, live));
      subject.must(await holds(path, live), `${where}: the next run, without faults, has another tree`);
      rmSync(path, { recursive: true });
    });
  });

  subject(`a restore creates what is missing, and nothing else: ${kind}`, async (subject) => {
    const { random } = subject;
    for (let round = 0; round < subject.scale(2, 50); round++) {
      await using directory = await temporaryDirectory();
      const whole = someContent(random, always, key('t'), 110);
      await record(directory.path, inMemory(driver, whole));
      await using opened = await openForReading(join(directory.path, 'snapshots.git'));
      const { snapshot } = await locate(opened.reader, opened.repository, 'latest');
      const restore = async (content: Content, most?: number) => {
        const service = inMemory(driver, content, new Map(), most);
        const plan = await planRestore({ snapshot, service, below: undefined, moves: [], persistEphemeral: false });
        let created = 0;
        await applyPlan(plan, service, {
          onDone: (batch) => {
            created += batch.filter(({ outcome }) => outcome.status === 'created').length;
          },
        });
        return created;
      };

      for (let most = 0; most < 100; most++) {
        const before = someOf(random, whole, always);
        const content = new Map(before);
        const missing = [...whole.keys()].filter((one) => !before.has(one)).length;
        const where = `round ${round}, broken off after ${most} of ${missing}`;
        const first = await restore(content, most).catch((thrown: unknown) => {
          subject.must(thrown instanceof TreekeeperError && most < missing, `${where}: ${thrown}`);
          subject.count('broken off');
          return undefined;
        });
        subject.must(content.size === before.size + Math.min(most, missing), `${where}: ${content.size} nodes`);
        subject.must(first === undefined || first === missing, `${where}: ${first} created, it says`);
        await restore(content);
        const wanted = new Map([...whole, ...before]);
        subject.must(isEqual(content, wanted), `${where}: the second run left another content`);
        subject.must((await restore(content)) === 0, `${where}: the third run created something`);
        subject.count('restores', 3);
      }
    }
  });
}

async function record(directory: string, service: Service) {
  const { repository } = await openForBackup(join(directory, 'snapshots.git'), undefined, false);
  return backup(repository, { store: 's', service, policy });
}

/** A tree of leaves below nested directories, each of which is a node too. */
function someContent(random: Random, always: readonly string[], top: string, leaves: number): Content {
  const content: Content = new Map([...always, top].map((one) => [one, Buffer.from('top')]));
  const parents = [top];
  for (let index = 0; index < leaves; index++) {
    const one = `${random.pick(parents)}/${random.pick(['n', 'N', '-', '\xc3\xa4', 'x.gpg'])}${index}`;
    content.set(one, random.bytes(random.below(20)));
    if (random.below(5) === 0) parents.push(one);
  }
  return content;
}

/** Leaves that are gone, values that are others, and nodes that are new. */
function changed(random: Random, old: Content, key: (name: string) => string): Content {
  const content: Content = new Map();
  for (const [one, value] of old) {
    const isLeaf = one.length > 1 && ![...old.keys()].some((other) => other.startsWith(`${one}/`));
    if (!isLeaf || random.below(6) > 0) content.set(one, random.below(3) === 0 ? random.bytes(9) : value);
  }
  for (let index = 0; index < 20; index++) content.set(key(`t/new${index}`), random.bytes(3));
  return content;
}

/** Some of the nodes, parents before all, and some of those with another value. */
function someOf(random: Random, whole: Content, always: readonly string[]): Content {
  const content: Content = new Map(always.map((one) => [one, whole.get(one) ?? none]));
  for (const [one, value] of whole) {
    const parent = one.slice(0, one.lastIndexOf('/'));
    if (whole.has(parent) && !content.has(parent)) continue;
    if (random.below(4) > 0) continue;
    content.set(one, random.below(5) === 0 ? Buffer.from('of another') : value);
  }
  return content;
}

const endsRead = (fault: NodeFault) => fault === 'timeout' || fault === 'cut';

/** What becomes of a node in a read. `unlisted`: it cannot be read, and neither can one above it, which is listed. */
type Fate = 'read' | 'gone' | 'unreadable' | 'unlisted';

function fateOf(one: string, faults: ReadonlyMap<string, NodeFault>, parentsFirst: boolean): Fate {
  const [above] = [...faults]
    .filter(([other, fault]) => (fault === 'no rights' || fault === 'vanished') && one.startsWith(`${other}/`))
    .sort(([a], [b]) => a.length - b.length);
  if (parentsFirst && above) return above[1] === 'vanished' ? 'gone' : 'unlisted';
  const fault = faults.get(one);
  if (fault === 'vanished') return 'gone';
  return fault === 'no rights' || fault === 'garbled' ? 'unreadable' : 'read';
}

/** What a snapshot has to hold: what was read as it is, and what was not as it was. */
function carriedForward(old: Content, live: Content, fate: (one: string) => Fate): Content {
  const content: Content = new Map();
  for (const [one, value] of live) if (fate(one) === 'read') content.set(one, value);
  for (const [one, value] of old)
    if (fate(one) === 'unlisted' || (fate(one) === 'unreadable' && live.has(one))) content.set(one, value);
  return content;
}

/** Whether the last snapshot has these nodes, and no others. */
async function holds(directory: string, content: Content): Promise<boolean> {
  const found = await snapshotIn(directory);
  return isEqual(new Map([...found].map(([one, value]) => [one, Buffer.from(value, 'latin1')])), content);
}

function isEqual(one: Content, other: Content): boolean {
  return (
    one.size === other.size && [...one].every(([name, value]) => Buffer.compare(value, other.get(name) ?? none) === 0)
  );
}

const none = Buffer.from('\0 nothing');
