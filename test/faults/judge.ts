import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Run, treekeeper } from '../commands/run.ts';
import { complaints } from './model/snapshot.ts';
import { type Scene, surroundings } from './scenes.ts';
import type { Subject } from './subject.ts';

/**
 * What holds of a run that was disturbed, in the directory `path`: it did all or nothing, nothing is damaged, and no success is
 * false.
 */
export function judge(
  { must }: Pick<Subject, 'must'>,
  scene: Scene,
  path: string,
  before: string,
  end: Run,
  where: string,
): void {
  const found = scene.outcome(path, before);
  must(found === 'new' || found === 'old', `${where} ${found}`);
  must(end.status !== 0 || found === 'new', `${where} exit 0, and it is not done`);
  must(!/defect/.test(end.stderr), `${where} reported as a defect: ${end.stderr}`);
  mustBeWhole(must, path, where);
}

/** The next run, which nothing disturbs, succeeds without help. */
export async function judgeNext(
  { must }: Pick<Subject, 'must'>,
  scene: Scene,
  path: string,
  before: string,
  where: string,
): Promise<void> {
  const next = await treekeeper(path, scene.args, surroundings(path));
  must(next.status === 0, `${where} the next run: ${next.status} ${next.stderr}`);
  const found = next.status === 0 ? scene.outcome(path, before) : 'new';
  must(found === 'new', `${where} the next run: ${found}`);
  mustBeWhole(must, path, `${where} after the next run:`);
}

function mustBeWhole(must: Subject['must'], path: string, where: string): void {
  for (const name of ['snapshots.git', 'remote.git']) {
    if (!existsSync(join(path, name, 'HEAD'))) continue;
    const complaint = complaints(join(path, name));
    must(complaint === '', `${where} fsck of ${name}: ${complaint}`);
  }
}
