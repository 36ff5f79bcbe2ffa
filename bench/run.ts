// Measures treekeeper beside the tools that do parts of its work, prints the tables and keeps them in bench/results.md.
// BENCH_NODES=10000,100000, BENCH_ROUNDS=3 and BENCH_ONLY=etcd,zookeeper,consul,encryption,push,writer,history
// are the defaults.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { binary } from '../test/servers/binaries.ts';
import { here, rounds } from './circumstances.ts';
import { consulSection } from './consul.ts';
import { encryptionSection } from './encryption.ts';
import { etcdSection } from './etcd.ts';
import { historySection } from './history.ts';
import { pushSection } from './push.ts';
import { demandTable, type Section } from './table.ts';
import { writerSection } from './writer.ts';
import { zookeeperSection } from './zookeeper.ts';

const sizes = (process.env['BENCH_NODES'] ?? '10000,100000').split(',').map(Number);
const only = (process.env['BENCH_ONLY'] ?? 'etcd,zookeeper,consul,encryption,push,writer,history').split(',');

const parts = { etcd: etcdSection, zookeeper: zookeeperSection, consul: consulSection };
const sections: Section[] = [];
for (const [name, section] of Object.entries(parts))
  for (const size of only.includes(name) ? sizes : []) sections.push(await section(size));
const largest = Math.max(...sizes);
const encryption = only.includes('encryption') ? [await encryptionSection()] : [];
if (only.includes('push')) sections.push(await pushSection(largest));
if (only.includes('writer')) sections.push(await writerSection(largest));
if (only.includes('history')) sections.push(await historySection(largest));

// What is demanded is demanded of many nodes: with few, every process is mostly its start. Of encryption it is of 10,000.
const counted = [...sections.filter(({ size }) => size === largest), ...encryption];
const demands = demandTable(counted.flatMap((section) => section.demands));
sections.push(...encryption);
const page = ['# Measured by `npm run bench`', machine(), demands, ...sections.map(({ text }) => text)].join('\n\n');
if (!process.env['BENCH_ONLY']) writeFileSync(here('results.md'), `${page}\n`);
process.stdout.write(`${page}\n`);

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
