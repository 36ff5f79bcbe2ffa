import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { startGnupg } from '../ciphers/gnupg.ts';
import { cli, finish, type Run } from '../commands/run.ts';
import { findBinary } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { judge, judgeNext } from './judge.ts';
import { makePeople } from './model/rules.ts';
import { scenes, surroundings } from './scenes.ts';
import { openTracer, type Point } from './strace.ts';
import { subject } from './subject.ts';

const errors = ['ENOSPC', 'EIO', 'EMFILE', 'EROFS'];
const people = findBinary('gpg') === undefined ? undefined : makePeople(startGnupg());

for (const scene of scenes(people)) {
  subject(`a kill and an error at every system call: ${scene.name}`, async (subject) => {
    await using directory = await temporaryDirectory();
    const tracer = openTracer(directory.path);
    if (tracer === undefined) return subject.skip('strace is missing, or may not trace');
    const [start, work] = [join(directory.path, 'start'), join(directory.path, 'work')];
    mkdirSync(work);
    await scene.prepare(work, 0);
    const before = await scene.renew(work, 0);
    renameSync(work, start);
    /** Puts everything back to how it was. */
    const begin = () => {
      rmSync(work, { recursive: true, force: true });
      cpSync(start, work, { recursive: true });
    };
    let last: Run = { status: null, stdout: '', stderr: '' };
    const run = async (prefix: readonly string[], env: { readonly [name: string]: string }) => {
      last = await finish(work, [...prefix, process.execPath, cli, ...scene.args], { ...surroundings(work), ...env });
    };

    begin();
    const points = await tracer.points(work, ['cli', ...scene.gits], async (prefix, env) => {
      begin();
      await run(prefix, env);
      if (last.status !== 0) throw new Error(`an undisturbed run failed: ${last.stderr}`);
    });
    subject.count('system calls', points.length);

    const drawn = points.filter(() => subject.random() < subject.scale(1 / 16, 1));
    for (const [index, point] of drawn.entries()) {
      const rotated = errors[(index + subject.random.below(errors.length)) % errors.length] ?? 'EIO';
      const chosen = errors.filter((error) => error === rotated || subject.scale(0, 1) === 1);
      for (const what of ['signal=KILL', ...chosen.map((error) => `error=${error}`)]) {
        begin();
        if (!(await tracer.disturb(point, what, work, run))) {
          subject.count('missed');
          continue;
        }
        subject.count(what.startsWith('signal') ? 'kills' : 'errors');
        const where = `${describe(point)} ${what}`;
        judge(subject, scene, work, before, last, where);
        letTimePass(work);
        await judgeNext(subject, scene, work, before, `${where} (${last.stderr})`);
      }
    }
  });
}

const describe = ({ program, call, when }: Point) => `${program}: ${call} number ${when},`;

/** A lock file counts as left by a dead git only after some time, which every next run would wait for. */
function letTimePass(path: string): void {
  const then = new Date(Date.now() - 11 * 60_000);
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }))
    if (/\.lock$|packed-refs\.new$/.test(name)) utimesSync(join(path, name), then, then);
}
