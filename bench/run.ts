// Measures treekeeper beside the tools that do parts of its work, prints the tables and keeps them in bench/results.md.
// BENCH_NODES=10000,100000 and BENCH_ROUNDS=5 are the defaults.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEtcd } from '../src/services/etcd.ts';
import { binary } from '../test/servers/binaries.ts';
import { type Etcd, startEtcd } from '../test/servers/etcd.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { measure, type Run, type Work } from './measure.ts';
import { realisticNodes } from './nodes.ts';

const sizes = (process.env['BENCH_NODES'] ?? '10000,100000').split(',').map(Number);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const cli = here('../dist/cli.js');
const script = (name: string, ...args: string[]) => ({
  command: process.execPath,
  args: ['--import', 'tsx', here(name), ...args],
});

const sections: string[] = [];
for (const size of sizes) sections.push(await etcdTable(size));
sections.push(await writerTable(Math.max(...sizes)));

const page = [`# Measured by \`npm run bench\``, machine(), ...sections].join('\n\n');
writeFileSync(here('results.md'), `${page}\n`);
process.stdout.write(`${page}\n`);

async function etcdTable(size: number): Promise<string> {
  await using directory = await temporaryDirectory();
  await using etcd = await startEtcd();
  await using empty = await startEtcd();
  const nodes = realisticNodes(size, 1);
  await fill(etcd, nodes);
  const port = String(etcd.endpoints[0]?.port);
  const [source, target] = [etcd, empty].map(({ endpoints }) => `etcd://127.0.0.1:${endpoints[0]?.port}`) as [
    string,
    string,
  ];
  const [fresh, kept] = [join(directory.path, 'fresh.git'), join(directory.path, 'kept.git')];
  const treekeeper = (...args: string[]) => ({ command: process.execPath, args: [cli, ...args] });
  execFileSync(process.execPath, [cli, 'backup', source, '--repo', kept], { stdio: 'ignore' });

  let round = 0;
  const touch = async () => {
    round += 1;
    const some = nodes
      .filter((_, index) => index % 1_000 === round % 1_000)
      .map(({ key }) => Buffer.from(key).toString());
    for (const key of some) await etcd.ctl('put', key, `changed: ${round}`);
  };
  const works: Work[] = [
    {
      name: 'etcdctl get --prefix -w protobuf',
      command: binary('etcdctl'),
      args: ['--endpoints', `127.0.0.1:${port}`, 'get', '', '--prefix', '-w', 'protobuf'],
    },
    {
      name: 'read alone: our driver, nothing done with the nodes',
      command: process.execPath,
      args: [here('read-alone.js'), port],
    },
    { name: 'unchanged snapshot', ...treekeeper('backup', source, '--repo', kept) },
    {
      name: 'first snapshot',
      ...treekeeper('backup', source, '--repo', fresh),
      prepare: () => rmSync(fresh, { recursive: true, force: true }),
    },
    { name: 'restore where everything exists', ...treekeeper('restore', 'latest', source, '--repo', fresh) },
    {
      name: 'restore into an empty etcd',
      ...treekeeper('restore', 'latest', target, '--repo', fresh),
      prepare: () => empty.ctl('del', '', '--prefix'),
    },
    { name: 'snapshot with 0.1 % changed', ...treekeeper('backup', source, '--repo', kept), prepare: touch },
  ];
  const runs = await measure(works.slice(0, -1), rounds);
  runs.push(...(await measure(works.slice(-1), rounds)));
  return `## etcd, ${size.toLocaleString('en')} nodes\n\n${table(works, runs, 1, 'of the read alone')}`;
}

async function writerTable(size: number): Promise<string> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'repo.git');
  const work = (writer: string, shape: string): Work => ({
    name: `${writer}, ${shape === 'flat' ? 'all in one directory' : 'realistic tree'}`,
    ...script('write-alone.ts', writer, shape, String(size), path),
    prepare: () => rmSync(path, { recursive: true, force: true }),
    timesItself: true,
  });
  const tables: string[] = [];
  for (const shape of ['realistic', 'flat']) {
    const works = [work('fast-import', shape), work('treekeeper', shape)];
    tables.push(table(works, await measure(works, shape === 'flat' ? 1 : rounds), 0, 'of fast-import'));
  }
  return `## The writer alone, ${size.toLocaleString('en')} nodes\n\n${tables.join('\n\n')}`;
}

async function fill(etcd: Etcd, nodes: ReturnType<typeof realisticNodes>): Promise<void> {
  await using service = openEtcd({ ...etcd.address, timeout: 60_000 });
  for (let start = 0; start < nodes.length; start += 2_000) await service.create(nodes.slice(start, start + 2_000));
}

/** `base` is the row that the others are compared with. */
function table(works: readonly Work[], runs: readonly Run[], base: number, ratio: string): string {
  const unit = runs[base]?.seconds ?? Number.NaN;
  const rows = works.map(({ name }, index) => {
    const { seconds = Number.NaN, peak = Number.NaN } = runs[index] ?? {};
    return `| ${name} | ${seconds.toFixed(2)} | ${(seconds / unit).toFixed(2)} | ${peak.toFixed(0)} |`;
  });
  return [`| | seconds | ${ratio} | peak MB |`, '|---|--:|--:|--:|', ...rows].join('\n');
}

function machine(): string {
  const version = (command: string, ...args: string[]) =>
    execFileSync(command, args, { encoding: 'utf8' }).split('\n', 1)[0];
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const facts = [
    `${cpus().length} cores (${cpus()[0]?.model.trim()})`,
    memory,
    `${process.platform} ${release()}`,
    `Node ${process.version}`,
  ];
  return `${[...facts, version('git', 'version'), version(binary('etcd'), '--version')].join(', ')}. Medians of ${rounds} runs in turn, whole processes; the peak is the highest, children included.`;
}
