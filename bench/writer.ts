import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryDirectory } from '../test/servers/process.ts';
import { rounds, script } from './circumstances.ts';
import { type Measured, measure, type Work } from './measure.ts';
import { realisticNodes } from './nodes.ts';
import { type Comparison, type Section, seconds } from './section.ts';

const [ours, theirs] = ['treekeeper', 'git fast-import'];

/** The writer beside `git fast-import`, and `git add` of as many files, without any service. */
export async function writerSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'repository');
  const work = (name: string, writer: string, shape: string): Work => ({
    name,
    start() {
      rmSync(path, { recursive: true, force: true });
      return script('write-alone.ts', writer, shape, String(size), path);
    },
    timesItself: true,
  });
  const add: Work = {
    name: 'git add and git commit of the same files',
    start() {
      rmSync(path, { recursive: true, force: true });
      writeFiles(path, size);
      const git = `git -C ${path} -c user.name=bench -c user.email=bench@localhost`;
      return { command: 'sh', args: ['-c', `${git} add --all && ${git} commit --quiet --message bench`] };
    },
    once: true,
  };
  const both = (shape: string) => [work(theirs, 'fast-import', shape), work(ours, 'treekeeper', shape)];
  const realistic = await measure([...both('realistic'), add], rounds);
  const flat = await measure(both('flat'), 1);
  const comparison = (rows: readonly Measured[]): Comparison => ({ base: theirs, rows });
  const of = seconds(realistic);
  return {
    title: `The writer alone, ${size.toLocaleString('en')} nodes: a realistic tree, then all in one directory`,
    comparisons: [comparison(realistic), comparison(flat)],
    demands: [{ what: `writer: ${ours} / ${theirs}`, most: 0.6, measured: of(ours) / of(theirs) }],
    remarks: [],
  };
}

/** A work tree with a file for each of the bench's nodes. */
function writeFiles(path: string, count: number): void {
  mkdirSync(path);
  execFileSync('git', ['init', '--quiet', path]);
  for (const { key, value } of realisticNodes(count, 1)) {
    const file = join(path, Buffer.from(key).toString());
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, value ?? '');
  }
}
