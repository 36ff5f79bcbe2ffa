import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { startGnupg } from '../ciphers/gnupg.ts';
import { treekeeper } from '../commands/run.ts';
import { findBinary } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { judge, judgeNext } from './judge.ts';
import { killedRun } from './killed-run.ts';
import { makePeople } from './model/rules.ts';
import { type Scene, scenes, surroundings } from './scenes.ts';
import { type Subject, subject } from './subject.ts';

const people = findBinary('gpg') === undefined ? undefined : makePeople(startGnupg());
const all = scenes(people);

/** Files of the tree that is backed up: enough for git to be at work for a while. */
const files = 200;

/*
 * The whole process group is killed, as by a power cut or a container that is taken away, again and again in the same
 * directory, so that what a kill leaves meets the next one.
 */
for (const scene of all) {
  subject(`kill -9 of everything at a random moment: ${scene.name}`, async (subject) => {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    await scene.prepare(path, files);
    let longest = await timeOf(scene, path);

    const rounds = Math.ceil(subject.scale(100, 2_000) / all.length);
    for (let round = 1; round <= rounds; round++) {
      const before = await scene.renew(path, round);
      const part = subject.random();
      const end = await killedRun(path, scene.args, surroundings(path), part * longest);
      subject.count(end.status === null ? 'kills' : 'ended before');
      const where = `round ${round}, killed at ${Math.round(part * 100)} %:`;
      judge(subject, scene, path, before, end, where);
      const start = Date.now();
      await judgeNext(subject, scene, path, before, where);
      longest = Math.max(200, (longest + Date.now() - start) / 2);
    }
    await mustHaveNoLitter(subject, scene, path, rounds + 1);
  });
}

/** How long an undisturbed run takes, in milliseconds. */
async function timeOf(scene: Scene, path: string): Promise<number> {
  await scene.renew(path, 0);
  const start = Date.now();
  await treekeeper(path, scene.args, surroundings(path));
  return Date.now() - start;
}

/** What dead runs left is gone after a run that comes later, when it cannot belong to anything that still works. */
async function mustHaveNoLitter({ must, count }: Subject, scene: Scene, path: string, round: number): Promise<void> {
  const litter = litterIn(path);
  count('left by kills', litter.length);
  const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
  for (const name of litter) utimesSync(join(path, name), twoHoursAgo, twoHoursAgo);
  await scene.renew(path, round);
  const last = await treekeeper(path, scene.args, surroundings(path));
  must(last.status === 0, `the last run: ${last.status} ${last.stderr}`);
  must(litterIn(path).length === 0, `left for ever: ${litterIn(path)}`);
}

/**
 * Unfinished files of git's and ours, locks, and what is in the temporary directory, which is the one where all is. What the
 * git of a remote was receiving is left to that repository's own upkeep, which knows when nobody pushes.
 */
function litterIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      !name.startsWith('remote.git/objects/tmp_objdir-') &&
      (/(^|\/)\.?tmp[_-]|\.lock$|\.new$|\.dead$|incoming-|\.treekeeper-|treekeeper\/(lock|scratch-[^/]*)$/.test(name) ||
        /^(treekeeper-|.*\.new-)[^/]*$/.test(name)),
  );
}
