import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEtcd } from '../src/services/etcd.ts';
import { startEtcd } from '../test/servers/etcd.ts';
import { bareRemote } from '../test/servers/git-hosts.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { fill, rounds, treekeeper } from './circumstances.ts';
import { measure, type Work } from './measure.ts';
import { realisticNodes } from './nodes.ts';
import { type Section, table } from './table.ts';

/** A first snapshot pushed to an empty remote, beside `git push` of the same repository. */
export async function pushSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using etcd = await startEtcd();
  await fill(openEtcd({ ...etcd.address, timeout: 60_000 }), realisticNodes(size, 1));
  const repository = join(directory.path, 'r.git');
  const source = `etcd://127.0.0.1:${etcd.endpoints[0]?.port}`;
  execFileSync(process.execPath, treekeeper('backup', source, '--repo', repository).args, { stdio: 'ignore' });
  const hub = join(directory.path, 'hub.git');
  const empty = () => {
    rmSync(hub, { recursive: true, force: true });
    bareRemote(hub);
    execFileSync(process.execPath, treekeeper('remote', 'remove', 'o', '--repo', repository).args, { stdio: 'ignore' });
    execFileSync(process.execPath, treekeeper('remote', 'add', 'o', hub, '--repo', repository).args, {
      stdio: 'ignore',
    });
  };
  bareRemote(hub);
  execFileSync(process.execPath, treekeeper('remote', 'add', 'o', hub, '--repo', repository).args, { stdio: 'ignore' });

  const works: Work[] = [
    { name: 'git push', command: 'git', args: ['-C', repository, 'push', '--quiet', hub, 'main'], prepare: empty },
    { name: 'treekeeper push', ...treekeeper('push', '--repo', repository), prepare: empty },
    { name: 'treekeeper push, nothing new', ...treekeeper('push', '--repo', repository) },
  ];
  const runs = await measure(works, rounds);
  const [git, ours] = runs.map(({ seconds }) => seconds) as [number, number];
  return {
    size,
    text: `## Push of a first snapshot of ${size.toLocaleString('en')} nodes into a directory\n\n${table(works, runs, 0, 'of git push')}`,
    demands: [{ what: 'first push / git push', most: 1.5, measured: ours / git }],
  };
}
