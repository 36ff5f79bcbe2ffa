import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGnupg } from '../ciphers/gnupg.ts';
import { treekeeper } from '../commands/run.ts';
import { findBinary } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { mountTmpfs } from '../servers/tmpfs.ts';
import { judge, judgeNext } from './judge.ts';
import { makePeople } from './model/rules.ts';
import { type Scene, scenes, surroundings } from './scenes.ts';
import { type Subject, subject } from './subject.ts';

const people = findBinary('gpg') === undefined ? undefined : makePeople(startGnupg());

/** A small run writes a dozen files, and each takes a page of the disk at least. */
const mostPages = 16;

subject('a full disk', async (subject) => {
  for (const scene of scenes(people)) {
    await using directory = await temporaryDirectory();
    const disk = join(directory.path, 'disk');
    if (!mountTmpfs(disk, '8m')) return subject.skip('a tmpfs may not be mounted here');
    try {
      await fillInSteps(subject, scene, disk);
    } finally {
      execFileSync('umount', [disk]);
    }
  }
});

/** Runs it with more and more room on the disk, each time until it does not fit, and then with enough. */
async function fillInSteps(subject: Subject, scene: Scene, disk: string): Promise<void> {
  await scene.prepare(disk, 10);
  for (let pages = 0; pages < mostPages; pages++) {
    if (scene.name !== 'backup' && subject.random() > subject.scale(0.3, 1)) continue;
    const before = await scene.renew(disk, pages);
    const filler = join(disk, 'filler');
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(filler, Buffer.alloc((bavail - pages) * bsize));
    const end = await treekeeper(disk, scene.args, surroundings(disk));
    rmSync(filler);
    subject.count(end.status === 0 ? 'runs that fit' : 'runs that did not fit');
    const where = `${scene.name}, ${pages} pages free:`;
    judge(subject, scene, disk, before, end, `${where} ${end.status} ${end.stderr}`);
    await judgeNext(subject, scene, disk, before, where);
  }
}
