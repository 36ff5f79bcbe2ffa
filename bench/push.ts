import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bareRemote } from '../test/servers/git-hosts.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { fill, rounds, treekeeper } from './circumstances.ts';
import { etcd } from './etcd.ts';
import { type Command, measure, type Work } from './measure.ts';
import { type Section, seconds } from './section.ts';

const [theirs, ours] = ['git push', 'treekeeper push'];

/** A first snapshot pushed to an empty remote, beside `git push` of the same repository. */
export async function pushSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using server = await etcd.start();
  await fill(server.open(), etcd.nodes(size));
  const repository = join(directory.path, 'r.git');
  const hub = join(directory.path, 'hub.git');
  const run = ({ command, args }: Command) => execFileSync(command, args, { stdio: 'ignore' });
  run(treekeeper('backup', `etcd://127.0.0.1:${server.port}`, '--repo', repository));
  bareRemote(hub);
  run(treekeeper('remote', 'add', 'o', hub, '--repo', repository));
  /** Answers the command, with the remote empty and unknown. */
  const toEmpty = (command: Command) => {
    rmSync(hub, { recursive: true, force: true });
    bareRemote(hub);
    run(treekeeper('remote', 'remove', 'o', '--repo', repository));
    run(treekeeper('remote', 'add', 'o', hub, '--repo', repository));
    return command;
  };

  const push = treekeeper('push', '--repo', repository);
  const works: Work[] = [
    {
      name: theirs,
      start: () => toEmpty({ command: 'git', args: ['-C', repository, 'push', '--quiet', hub, 'main'] }),
    },
    { name: ours, start: () => toEmpty(push) },
    { name: 'treekeeper push, nothing new', start: () => push },
  ];
  const rows = await measure(works, rounds);
  const of = seconds(rows);
  return {
    title: `Push of a first snapshot of ${size.toLocaleString('en')} nodes into a directory`,
    comparisons: [{ base: theirs, rows }],
    demands: [{ what: 'first push / git push', most: 1.5, measured: of(ours) / of(theirs) }],
    remarks: [],
  };
}
