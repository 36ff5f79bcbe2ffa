import { join } from 'node:path';
import { temporaryDirectory } from '../test/servers/process.ts';
import { rounds, treekeeper } from './circumstances.ts';
import { historyRepository } from './history-repository.ts';
import { measure, type Work } from './measure.ts';
import type { Comparison, Demand, Section } from './section.ts';

const snapshots = 1_000;
const mostMemory = 300;
const slowest = 'find in all values ever';

/** Questions about a long history, beside what git takes for the same answer. The start of Node alone is in every answer. */
export async function historySection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  const repository = join(directory.path, 'r.git');
  const key = await historyRepository(repository, size, snapshots);
  const git = (...args: string[]) => ({ command: 'git', args: ['-C', repository, '--no-pager', ...args] });
  const ours = (...args: string[]) => treekeeper(...args, '--repo', repository);
  const questions: readonly (readonly [what: string, git: string[], ours: string[]])[] = [
    ['log', ['log', '--oneline', 'main'], ['log']],
    ['log of one key, with its values', ['log', '-p', 'main', '--', `etcd${key}`], ['log', '-p', key]],
    ['diff of neighbours', ['diff', 'main~1', 'main'], ['diff', 'main~1', 'main']],
    ['ls', ['ls-tree', '-r', '--name-only', 'main'], ['ls']],
    ['show', ['show', `main:etcd${key}`], ['show', `main:${key}`]],
    // git has no answer of one command to these.
    ['blame of one directory', [], ['blame', key.slice(0, key.indexOf('/', 8))]],
    [slowest, [], ['find', '--values', '--history', 'weight: 1']],
  ];

  const node: Work = { name: 'Node, doing nothing', start: () => ({ command: process.execPath, args: ['-e', '0'] }) };
  const comparisons: Comparison[] = [];
  const demands: Demand[] = [];
  for (const [what, theirs, mine] of questions) {
    const { command, args } = ours(...mine);
    const named = { ours: `treekeeper ${what}`, theirs: `git ${theirs[0]}` };
    const without = { command: 'env', args: ['TREEKEEPER_NO_GIT=1', command, ...args] };
    const once = what === slowest;
    const works: Work[] = [
      { name: named.ours, start: () => ({ command, args }), once },
      { name: 'without a git binary', start: () => without, once },
      node,
      ...(theirs.length > 0 ? [{ name: named.theirs, start: () => git(...theirs) }] : []),
    ];
    const rows = await measure(works, rounds);
    const [first, , , peer] = rows;
    comparisons.push({ base: peer ? named.theirs : named.ours, rows });
    if (peer)
      demands.push({ what: `${what} / ${named.theirs}`, most: 2, measured: (first?.median ?? 0) / peer.median });
    demands.push({ what: `peak of ${what} / ${mostMemory} MB`, most: 1, measured: (first?.peak ?? 0) / mostMemory });
  }
  const title = `A history of ${snapshots.toLocaleString('en')} snapshots of ${size.toLocaleString('en')} nodes`;
  return { title, comparisons, demands, remarks: [] };
}
