import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openZookeeper } from '../src/services/zookeeper.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { startZookeeper, type Zookeeper } from '../test/servers/zookeeper.ts';
import { fill, here, rounds, script, treekeeper } from './circumstances.ts';
import { measure, type Run, type Work } from './measure.ts';
import { parentsOf, realisticNodes } from './nodes.ts';
import { type Section, table } from './table.ts';

/** ZooKeeper beside the two clients that there are for Node. Both read data, ACL and children of every node, as we do. */
export async function zookeeperSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using full = await startZookeeper();
  const acl = { acl: [{ scheme: 'ip', id: '127.0.0.1', perms: 'cdrwa' }] };
  const nodes = parentsOf(realisticNodes(size, 1)).map((node, index) =>
    index % 10 === 9 ? { ...node, attributes: acl } : node,
  );
  await fill(openZookeeper({ ...full.address, timeout: 60_000 }), nodes);
  const port = String(full.endpoint.port);
  const url = ({ endpoint }: Zookeeper) => `zookeeper://127.0.0.1:${endpoint.port}`;
  const [fresh, kept] = [join(directory.path, 'fresh.git'), join(directory.path, 'kept.git')];
  execFileSync(process.execPath, treekeeper('backup', url(full), '--repo', kept).args, { stdio: 'ignore' });

  const works: Work[] = [
    { name: 'zookeeper package, 512 in flight', ...script('zookeeper-package.js', 'read', port) },
    { name: 'node-zookeeper-client, 512 in flight', ...script('node-zookeeper-client.js', port) },
    { name: 'read alone: our driver', command: process.execPath, args: [here('read-alone.js'), 'zookeeper', port] },
    { name: 'unchanged snapshot', ...treekeeper('backup', url(full), '--repo', kept) },
    {
      name: 'first snapshot',
      ...treekeeper('backup', url(full), '--repo', fresh),
      prepare: () => rmSync(fresh, { recursive: true, force: true }),
    },
    { name: 'restore where everything exists', ...treekeeper('restore', 'latest', url(full), '--repo', kept) },
  ];
  const runs = await measure(works, rounds);

  // To delete 100,000 nodes takes longer than to start anew.
  const creations = { ours: [] as Run[], alone: [] as Run[], theirs: [] as Run[] };
  for (let round = 0; round < rounds; round++) {
    const ours = async (empty: Zookeeper) => treekeeper('restore', 'latest', url(empty), '--repo', kept);
    const theirs = async ({ endpoint }: Zookeeper) =>
      script('zookeeper-package.js', 'create', String(endpoint.port), String(size));
    creations.ours.push(await intoEmpty(ours));
    const alone = async ({ endpoint }: Zookeeper) =>
      script('create-alone.js', 'zookeeper', String(endpoint.port), String(size));
    creations.alone.push(await intoEmpty(alone));
    creations.theirs.push(await intoEmpty(theirs));
  }
  const ours = median(creations.ours);
  const alone = median(creations.alone);
  const theirs = median(creations.theirs);
  const all: Work[] = [
    ...works,
    { name: 'restore into an empty ZooKeeper', ...treekeeper() },
    { name: 'create alone: our driver, from memory', ...treekeeper() },
    { name: 'zookeeper package: plain creates, no ACL, 512 in flight', ...treekeeper() },
  ];
  const [witness, other, read, , , exists] = runs.map(({ seconds }) => seconds) as [
    number,
    number,
    number,
    ...number[],
  ];
  return {
    size,
    text: `## ZooKeeper, ${size.toLocaleString('en')} nodes, one in ten with an ACL\n\n${table(all, [...runs, ours, alone, theirs], 2, 'of the read alone')}`,
    demands: [
      { what: `ZooKeeper read / zookeeper package`, most: 0.2, measured: read / witness },
      { what: `ZooKeeper read / node-zookeeper-client`, most: 1 / 3, measured: read / other },
      {
        what: `ZooKeeper create / plain creates`,
        most: 0.25,
        measured: alone.seconds / theirs.seconds,
      },
      {
        what: `ZooKeeper restore where all exists / plain creates`,
        most: 0.05,
        measured: (exists ?? Number.NaN) / theirs.seconds,
      },
    ],
  };
}

async function intoEmpty(work: (empty: Zookeeper) => Promise<Omit<Work, 'name'>>): Promise<Run> {
  await using empty = await startZookeeper();
  const [run] = await measure([{ name: 'create', ...(await work(empty)) }], 1);
  if (!run) throw new Error('nothing was measured');
  return run;
}

function median(runs: readonly Run[]): Run {
  const [middle] = runs.toSorted((a, b) => a.seconds - b.seconds).slice(Math.floor(runs.length / 2));
  return { seconds: middle?.seconds ?? Number.NaN, peak: Math.max(...runs.map(({ peak }) => peak)) };
}
