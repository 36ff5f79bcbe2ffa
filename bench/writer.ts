import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../test/servers/process.ts';
import { rounds, script } from './circumstances.ts';
import { measure, type Work } from './measure.ts';
import { type Section, table } from './table.ts';

/** The writer beside `git fast-import`, without any service. */
export async function writerSection(size: number): Promise<Section> {
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
  return {
    size,
    text: `## The writer alone, ${size.toLocaleString('en')} nodes\n\n${tables.join('\n\n')}`,
    demands: [],
  };
}
