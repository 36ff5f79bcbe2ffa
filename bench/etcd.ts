import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEtcd } from '../src/services/etcd.ts';
import { binary } from '../test/servers/binaries.ts';
import { startEtcd } from '../test/servers/etcd.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { fill, here, rounds, script, treekeeper } from './circumstances.ts';
import { measure, type Work } from './measure.ts';
import { realisticNodes } from './nodes.ts';
import { type Section, table } from './table.ts';

/** etcd beside etcdctl and etcd3. */
export async function etcdSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using etcd = await startEtcd();
  await using empty = await startEtcd();
  const nodes = realisticNodes(size, 1);
  await fill(openEtcd({ ...etcd.address, timeout: 60_000 }), nodes);
  const port = String(etcd.endpoints[0]?.port);
  const [source, target] = [etcd, empty].map(({ endpoints }) => `etcd://127.0.0.1:${endpoints[0]?.port}`) as [
    string,
    string,
  ];
  const [fresh, kept] = [join(directory.path, 'fresh.git'), join(directory.path, 'kept.git')];
  execFileSync(process.execPath, treekeeper('backup', source, '--repo', kept).args, { stdio: 'ignore' });

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
      args: [here('read-alone.js'), 'etcd', port],
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
  const alone: Work = {
    name: 'create alone: our driver, from memory',
    ...script('create-alone.js', 'etcd', String(empty.endpoints[0]?.port), String(size)),
    prepare: () => empty.ctl('del', '', '--prefix'),
  };
  const perKey: Work = {
    name: 'etcd3, one transaction a key (measured once)',
    ...script('etcd3-package.js', String(empty.endpoints[0]?.port), String(size)),
    prepare: () => empty.ctl('del', '', '--prefix'),
  };
  const runs = await measure(works.slice(0, -1), rounds);
  runs.push(
    ...(await measure(works.slice(-1), rounds)),
    ...(await measure([alone], rounds)),
    ...(await measure([perKey], 1)),
  );
  const [ctl, read, , , exists, , , created, etcd3] = runs.map(({ seconds }) => seconds) as [
    number,
    number,
    ...number[],
  ];
  return {
    size,
    text: `## etcd, ${size.toLocaleString('en')} nodes\n\n${table([...works, alone, perKey], runs, 1, 'of the read alone')}`,
    demands: [
      { what: `etcd read / etcdctl get`, most: 1.5, measured: read / ctl },
      {
        what: `etcd create / etcd3 one by one`,
        most: 0.1,
        measured: (created ?? Number.NaN) / (etcd3 ?? Number.NaN),
      },
      {
        what: `etcd restore where all exists / etcd3 one by one`,
        most: 0.02,
        measured: (exists ?? Number.NaN) / (etcd3 ?? Number.NaN),
      },
    ],
  };
}
