// Measures treekeeper beside the tools that do parts of its work, and keeps what it found in bench/results.json and, as
// tables, in bench/results.md: `npm run bench`, or `npm run bench -- etcd-100000 push` for some parts, which replace
// theirs and leave the others as they are. `--list` tells the parts, and `--rounds 3` is the default.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { binary } from '../test/servers/binaries.ts';
import { here, positionals, values } from './circumstances.ts';
import { consul } from './consul.ts';
import { encryptionSection } from './encryption.ts';
import { etcd } from './etcd.ts';
import { growthSection } from './growth.ts';
import { historySection } from './history.ts';
import { pushSection } from './push.ts';
import { demandTable, type Recorded, type Section, sectionText } from './section.ts';
import { type Subject, serviceSection } from './service.ts';
import { writerSection } from './writer.ts';
import { zookeeper } from './zookeeper.ts';

const service = (subject: Subject, sizes: readonly number[]) =>
  sizes.map((size) => [`${subject.kind}-${size}`, () => serviceSection(subject, size)] as const);
const parts = new Map<string, () => Promise<Section>>([
  ...service(etcd, [10_000, 100_000, 1_000_000]),
  ...service(zookeeper, [10_000, 100_000, 300_000]),
  ...service(consul, [10_000, 100_000, 1_000_000]),
  ['encryption', () => encryptionSection(10_000)],
  ['push', () => pushSection(100_000)],
  ['writer', () => writerSection(100_000)],
  ['history', () => historySection(100_000)],
  ['growth', () => growthSection(10_000)],
]);

interface Results {
  readonly [part: string]: Recorded;
}

if (values.list) process.stdout.write(`${[...parts.keys()].join('\n')}\n`);
else await measureParts(positionals.length > 0 ? positionals : [...parts.keys()]);

async function measureParts(chosen: readonly string[]): Promise<void> {
  const unknown = chosen.find((name) => !parts.has(name));
  if (unknown !== undefined) throw new Error(`there is no part ${unknown}: see --list`);
  for (const name of chosen) {
    process.stderr.write(`${name}\n`);
    const section = await parts.get(name)?.();
    const file = here('results.json');
    const kept: Results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    const results = { ...kept, ...(section && { [name]: { ...section, circumstances: circumstances() } }) };
    writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
    writeFileSync(here('results.md'), page(results));
  }
  process.stdout.write(readFileSync(here('results.md')));
}

function page(results: Results): string {
  const sections = [...parts.keys()].flatMap((name) => results[name] ?? []);
  const explained =
    'Whole processes, but where only the work itself can be told from its preparations. Medians of runs in turn; the peak is the highest of them, children included.';
  const demands = demandTable(sections.flatMap((section) => section.demands));
  return `${['# Measured by `npm run bench`', explained, demands, ...sections.map(sectionText)].join('\n\n')}\n`;
}

function circumstances(): string {
  const version = (command: string, ...args: string[]) =>
    execFileSync(command, args, { encoding: 'utf8' }).split('\n', 1)[0];
  const facts = [
    `${cpus().length} cores (${cpus()[0]?.model.trim()})`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${process.platform} ${release()}`,
    `Node ${process.version}`,
    version('git', 'version'),
    version(binary('etcd'), '--version'),
    version(binary('consul'), 'version'),
    new Date().toISOString().slice(0, 10),
  ];
  return `Measured with ${facts.join(', ')}.`;
}
