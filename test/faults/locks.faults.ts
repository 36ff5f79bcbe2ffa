import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { thisProcess } from '../../src/git/process-identity.ts';
import { startGnupg } from '../ciphers/gnupg.ts';
import { treekeeper } from '../commands/run.ts';
import { findBinary } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { judge, judgeNext } from './judge.ts';
import { makePeople } from './model/rules.ts';
import { complaints, gitText, headOf } from './model/snapshot.ts';
import { scenes, surroundings } from './scenes.ts';
import { subject } from './subject.ts';

const people = findBinary('gpg') === undefined ? undefined : makePeople(startGnupg());
const locking = scenes(people).filter(({ name }) => !/no repository|tag|restore/.test(name));

/** More than any system has. */
const noPid = 4_194_304 + 1;

/** Whose lock is found, and whether it is taken over. */
const owners = {
  nobody: undefined,
  'a process that is no more': { pid: noPid },
  'a process whose number another one has now': { started: '1' },
  'a process before the machine was started again': { boot: 'before' },
  'a process that lives': {},
  'a process on another host': { host: 'elsewhere', pid: noPid },
};
const areAlive: readonly string[] = ['a process that lives', 'a process on another host'];

/** What else dead runs and dead gits leave, by their age in seconds. */
const leftovers: Readonly<Record<string, number>> = {
  'refs/heads/main.lock': 5,
  'HEAD.lock': 5,
  'refs/archive/x.lock': 20,
  'refs/remotes/origin/main.lock': 20,
  'packed-refs.lock': 700,
  'objects/info/commit-graph.lock': 700,
  'objects/pack/multi-pack-index.lock': 700,
  'config.lock': 4_000,
  'objects/pack/tmp_pack_x': 4_000,
  'objects/pack/.tmp-1-pack-x.pack': 4_000,
  'objects/tmp_objdir-treekeeper-1/pack/tmp_idx_x': 20,
};

subject('locks that are found', async (subject) => {
  for (const scene of locking) {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    await scene.prepare(path, 1);
    const repository = join(path, 'snapshots.git');
    const lock = join(repository, 'treekeeper/lock');
    let round = 0;
    for (const [whose, owner] of Object.entries(owners)) {
      for (const [name, age] of [['nothing', 0] as const, ...Object.entries(leftovers)]) {
        if (subject.random() > subject.scale(0.1, 1)) continue;
        const before = await scene.renew(path, ++round);
        const nonce = subject.random.bytes(8).toString('hex');
        const content = JSON.stringify({ ...thisProcess(), nonce, since: '2026-01-01T00:00:00.000Z', ...owner });
        mkdirSync(dirname(lock), { recursive: true });
        if (owner) writeFileSync(lock, content);
        if (age > 0) leave(join(repository, name), age);

        const end = await treekeeper(path, scene.args, surroundings(path));
        subject.count('runs');
        const where = `${scene.name} beside the lock of ${whose}, and ${name}:`;
        judge(subject, scene, path, before, end, where);
        if (areAlive.includes(whose)) {
          subject.must(
            end.status === 11 && /another run holds/.test(end.stderr),
            `${where} ${end.status} ${end.stderr}`,
          );
          subject.must(headOf(repository) === headBefore(before, repository), `${where} it did something`);
          subject.must(readFileSync(lock, 'utf8') === content, `${where} the lock is another`);
          rmSync(lock);
        } else {
          subject.must(end.status === 0, `${where} ${end.status} ${end.stderr}`);
          subject.must(!existsSync(lock), `${where} its own lock stays`);
        }
        await judgeNext(subject, scene, path, before, where);
        rmSync(join(repository, name), { recursive: true, force: true });
      }
    }
  }
});

/** A scene that needs no head of before does not move it. */
const headBefore = (before: string, repository: string) => (before === '' ? headOf(repository) : before);

function leave(path: string, seconds: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  const then = new Date(Date.now() - seconds * 1_000);
  utimesSync(path, then, then);
}

/** Twenty backups that start at the same time, each of a store of its own. */
for (const shape of ['no repository', 'an empty directory', 'a repository', 'the lock of a dead run'] as const) {
  subject(`twenty starts at once: ${shape}`, async ({ scale, must, count }) => {
    for (let round = 0; round < scale(1, 25); round++) {
      await using directory = await temporaryDirectory();
      const { path } = directory;
      const repository = join(path, 'snapshots.git');
      mkdirSync(join(path, 'live'));
      writeFileSync(join(path, 'live/a'), 'x');
      if (shape === 'an empty directory') mkdirSync(repository);
      if (shape === 'a repository' || shape === 'the lock of a dead run')
        await treekeeper(path, ['backup', 'dir:live', '--store', 'first']);
      if (shape === 'the lock of a dead run')
        writeFileSync(
          join(repository, 'treekeeper/lock'),
          JSON.stringify({ ...thisProcess(), nonce: 'dead', pid: noPid, since: '' }),
        );

      const backup = (index: number) => treekeeper(path, ['backup', 'dir:live', '--store', `s${index}`]);
      const runs = await Promise.all(Array.from({ length: 20 }, (_, index) => backup(index)));
      const stores = () => new Set(gitText(repository, 'ls-tree', '--name-only', 'main').split('\n'));
      const there = stores();
      for (const [index, { status, stderr }] of runs.entries()) {
        count(status === 0 ? 'commits' : 'told of the lock');
        must(status === 0 || (status === 11 && /another run holds/.test(stderr)), `run ${index}: ${status} ${stderr}`);
        must(there.has(`s${index}`) === (status === 0), `run ${index} ended with ${status}, and its store is not so`);
      }
      must(
        runs.some(({ status }) => status === 0),
        'none of them came through',
      );
      must(complaints(repository) === '', complaints(repository));
      must(gitText(repository, 'rev-list', '--min-parents=2', 'main') === '', 'the history is not linear');
      must(
        readdirSync(join(repository, 'treekeeper')).every((name) => !/lock|new|dead/.test(name)),
        'a lock stays',
      );
      for (const [index, { status }] of runs.entries()) {
        if (status === 0) continue;
        const again = await backup(index);
        must(again.status === 0, `run ${index} again: ${again.status} ${again.stderr}`);
      }
      must(
        runs.every((_, index) => stores().has(`s${index}`)),
        'a store is missing in the end',
      );
    }
  });
}
