import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seeded } from '../test/random.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { rounds, treekeeper, treeSize } from './circumstances.ts';
import { type Command, measure } from './measure.ts';
import { configurationText, realisticNodes } from './nodes.ts';
import type { Section } from './section.ts';

const snapshots = 1_000;
const changesEach = 10;

/** A repository that grows by so many snapshots of a directory, each of some changes, with and without upkeep. */
export async function growthSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  const place = (name: string) => join(directory.path, name);
  const random = seeded(3);
  const files = realisticNodes(size, 1).map(({ key, value }) => {
    const path = place(`live${Buffer.from(key)}`);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, value ?? '');
    return path;
  });
  const change = () => {
    for (let count = 0; count < changesEach; count++) writeFileSync(random.pick(files), configurationText(random));
  };
  const run = ({ command, args }: Command) => execFileSync(command, args, { stdio: 'ignore' });
  const on = (repository: string, ...args: string[]) => treekeeper(...args, '--repo', place(repository));
  const backup = (repository: string) => on(repository, 'backup', `dir:${place('live')}`);

  const sizes: string[] = [];
  for (let count = 1; count <= snapshots; count++) {
    change();
    run(backup('without'));
    if (!Number.isInteger(Math.log10(count))) continue;
    cpSync(place('without'), place('with'), { recursive: true });
    run(on('with', 'maintenance'));
    sizes.push(`| ${count.toLocaleString('en')} | ${treeSize(place('without'))} | ${treeSize(place('with'))} |`);
    if (count < snapshots) rmSync(place('with'), { recursive: true });
  }

  const works = ['without', 'with'].flatMap((upkeep) => [
    {
      name: `snapshot with ${changesEach} changed, ${upkeep} upkeep`,
      start() {
        change();
        return backup(upkeep);
      },
    },
    {
      name: `log of a key, ${upkeep} upkeep`,
      start: () => on(upkeep, 'log', files[0]?.slice(place('live/').length) ?? ''),
    },
  ]);
  const rows = await measure(works, rounds);
  const table = ['| snapshots | without upkeep | with upkeep |', '|--:|--:|--:|', ...sizes].join('\n');
  return {
    title: `Growth over ${snapshots.toLocaleString('en')} snapshots of ${size.toLocaleString('en')} files, ${changesEach} of them changed each`,
    comparisons: [{ base: works[0]?.name ?? '', rows }],
    demands: [],
    remarks: [table],
  };
}
