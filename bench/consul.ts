import { execFileSync } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openConsul } from '../src/services/consul.ts';
import { binary } from '../test/servers/binaries.ts';
import { type Consul, startConsul } from '../test/servers/consul.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { fill, here, rounds, script, treekeeper } from './circumstances.ts';
import { measure, type Work } from './measure.ts';
import { realisticNodes } from './nodes.ts';
import { type Section, table } from './table.ts';

/** Consul beside its own `kv export` and `kv import`. */
export async function consulSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using full = await startConsul();
  await using empty = await startConsul();
  const nodes = realisticNodes(size, 1).map((node) => ({ ...node, key: node.key.subarray(1) }));
  await fill(openConsul({ ...full.address, timeout: 60_000 }), nodes);
  const url = ({ endpoint }: Consul) => `consul://127.0.0.1:${endpoint.port}`;
  const [fresh, kept] = [join(directory.path, 'fresh.git'), join(directory.path, 'kept.git')];
  execFileSync(process.execPath, treekeeper('backup', url(full), '--repo', kept).args, { stdio: 'ignore' });
  const exported = join(directory.path, 'export.json');
  const address = ({ endpoint }: Consul) => `-http-addr=127.0.0.1:${endpoint.port}`;
  execFileSync(binary('consul'), ['kv', 'export', address(full)], {
    stdio: ['ignore', openSync(exported, 'w'), 'ignore'],
  });
  const clear = () => empty.ctl('kv', 'delete', '-recurse', 'config/');

  const works: Work[] = [
    { name: 'consul kv export', command: binary('consul'), args: ['kv', 'export', address(full)] },
    {
      name: 'read alone: our driver',
      command: process.execPath,
      args: [here('read-alone.js'), 'consul', String(full.endpoint.port)],
    },
    { name: 'unchanged snapshot', ...treekeeper('backup', url(full), '--repo', kept) },
    {
      name: 'first snapshot',
      ...treekeeper('backup', url(full), '--repo', fresh),
      prepare: () => rmSync(fresh, { recursive: true, force: true }),
    },
    { name: 'restore where everything exists', ...treekeeper('restore', 'latest', url(full), '--repo', kept) },
    {
      name: 'restore into an empty Consul',
      ...treekeeper('restore', 'latest', url(empty), '--repo', kept),
      prepare: clear,
    },
  ];
  const importing: Work = {
    name: 'consul kv import (measured once)',
    command: binary('consul'),
    args: ['kv', 'import', address(empty), `@${exported}`],
    prepare: clear,
  };
  const alone: Work = {
    name: 'create alone: our driver, from memory',
    ...script('create-alone.js', 'consul', String(empty.endpoint.port), String(size)),
    prepare: clear,
  };
  const runs = [...(await measure([...works, alone], rounds)), ...(await measure([importing], 1))];
  const [exporting, read, , , exists, , created, imported] = runs.map(({ seconds }) => seconds) as [
    number,
    number,
    ...number[],
  ];
  return {
    size,
    text: `## Consul, ${size.toLocaleString('en')} nodes\n\n${table([...works, alone, importing], runs, 1, 'of the read alone')}`,
    demands: [
      { what: `Consul read / consul kv export`, most: 0.25, measured: read / exporting },
      {
        what: `Consul create / consul kv import`,
        most: 0.1,
        measured: (created ?? Number.NaN) / (imported ?? Number.NaN),
      },
      {
        what: `Consul restore where all exists / consul kv import`,
        most: 0.02,
        measured: (exists ?? Number.NaN) / (imported ?? Number.NaN),
      },
    ],
  };
}
