import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '../src/services/service.ts';
import type { Node } from '../src/snapshot/node.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { fill, here, oneAfterAnother, rounds, script, treekeeper, treeSize } from './circumstances.ts';
import { measure, type Work } from './measure.ts';
import { type Demand, type Section, seconds } from './section.ts';

/** A server of the bench. */
export interface BenchServer extends AsyncDisposable {
  readonly port: string;
  open(): Service;
  /** Gives nodes another value, by another client than ours. */
  change(nodes: readonly Node[], value: string): Promise<void>;
}

/** A kind of service, with the tools that people would otherwise use. */
export interface Subject {
  readonly name: string;
  readonly kind: string;
  nodes(count: number): Node[];
  start(): Promise<BenchServer>;
  /** What reads or saves everything; files go below `directory`. */
  readers(full: BenchServer, directory: string): readonly Work[];
  /** What creates everything in an empty service that `start` gives. */
  creators(start: () => Promise<BenchServer>, size: number, directory: string): readonly Work[];
  /** What is demanded of the driver beside these, with many nodes. */
  demands(of: (work: string) => number): readonly Demand[];
}

/** The works of ours, as the subjects name them in their demands. */
export const names = {
  read: 'read alone: our driver',
  unchanged: 'unchanged snapshot',
  changed: 'snapshot with 0.1 % changed',
  first: 'first snapshot',
  exists: 'restore where everything exists',
  restore: 'restore into an empty service',
  create: 'create alone: our driver, from memory',
  write: 'write alone: our writer, from memory, another repository',
} as const;

/** 1 MB is 2^20 bytes. */
const mostMemory = 512;

/** One service of this size: everything that treekeeper does with it, beside its peers. */
export async function serviceSection(subject: Subject, size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using full = await subject.start();
  const nodes = subject.nodes(size);
  await fill(full.open(), nodes);
  const url = ({ port }: BenchServer) => `${subject.kind}://127.0.0.1:${port}`;
  const [fresh = '', kept = '', written = ''] = ['fresh', 'kept', 'written'].map((name) =>
    join(directory.path, `${name}.git`),
  );
  execFileSync(process.execPath, treekeeper('backup', url(full), '--repo', kept).args, { stdio: 'ignore' });

  await using empty = oneAfterAnother(subject.start);
  let round = 0;
  const works: Work[] = [
    ...subject.readers(full, directory.path),
    {
      name: names.read,
      start: () => ({ command: process.execPath, args: [here('read-alone.js'), subject.kind, full.port] }),
    },
    { name: names.unchanged, start: () => treekeeper('backup', url(full), '--repo', kept) },
    {
      name: names.changed,
      async start() {
        round += 1;
        await full.change(
          nodes.filter((_, index) => index % 1_000 === round),
          `changed: ${round}`,
        );
        return treekeeper('backup', url(full), '--repo', kept);
      },
    },
    {
      name: names.first,
      start() {
        rmSync(fresh, { recursive: true, force: true });
        return treekeeper('backup', url(full), '--repo', fresh);
      },
    },
    { name: names.exists, start: () => treekeeper('restore', 'latest', url(full), '--repo', kept) },
    {
      name: names.restore,
      start: async () => treekeeper('restore', 'latest', url(await empty.next()), '--repo', kept),
    },
    {
      name: names.create,
      start: async () => script('create-alone.js', subject.kind, (await empty.next()).port, String(size)),
      timesItself: true,
    },
    {
      name: names.write,
      start() {
        rmSync(written, { recursive: true, force: true });
        return script('write-alone.ts', 'treekeeper', 'realistic', String(size), written);
      },
      timesItself: true,
    },
    ...subject.creators(empty.next, size, directory.path),
  ];
  const rows = await measure(works, rounds);
  const history = await measure(historyWorks(kept, nodes[Math.floor(size / 1_000) * 1_000 + 1]), rounds);

  const of = seconds(rows);
  const ratio = (what: keyof typeof names, to: number, named: string, most: number): Demand => ({
    what: `${names[what]} / ${named}`,
    most,
    measured: of(names[what]) / to,
  });
  const count = `${size.toLocaleString('en')} nodes`;
  const peak = Math.max(...rows.filter(({ name }) => verbs.includes(name)).map((row) => row.peak));
  const demands = [
    // Of a peer that is too slow for so many nodes there is nothing to compare with.
    ...subject.demands(of).filter(({ measured }) => !Number.isNaN(measured)),
    ratio('unchanged', of(names.read), 'read alone', 1.2),
    ratio('changed', of(names.read), 'read alone', 1.2),
    ratio('first', Math.max(of(names.read), of(names.write)), 'the slower of read and write alone', 1.2),
    ratio('restore', of(names.create), 'create alone', 1.3),
    { what: `peak memory of any verb / ${mostMemory} MB`, most: 1, measured: peak / mostMemory },
  ];
  return {
    title: `${subject.name}, ${count}`,
    comparisons: [
      { base: names.read, rows },
      { base: 'git diff main~1 main', rows: history },
    ],
    remarks: [`The repository of the first snapshot has ${treeSize(fresh)}.`],
    demands:
      size < leastDemanded
        ? []
        : demands.map((demand) => ({ ...demand, what: `${subject.name}, ${count}: ${demand.what}` })),
  };
}

/** With fewer nodes every process is mostly its start. */
const leastDemanded = 100_000;

/** The command line itself: the other works hold nodes of the bench. */
const verbs: readonly string[] = [names.unchanged, names.changed, names.first, names.exists, names.restore];

function historyWorks(repository: string, node: Node | undefined): Work[] {
  const git = (...args: string[]) => ({ command: 'git', args: ['-C', repository, '--no-pager', ...args] });
  const key = Buffer.from(node?.key ?? []).toString();
  return [
    { name: 'git diff main~1 main', start: () => git('diff', 'main~1', 'main') },
    { name: 'diff of two snapshots', start: () => treekeeper('diff', 'main~1', 'main', '--repo', repository) },
    { name: 'history of a key', start: () => treekeeper('log', key, '--repo', repository) },
  ];
}
