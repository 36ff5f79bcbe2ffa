import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli, finish, type Run, treekeeper } from '../commands/run.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { openTracer, type Point } from './strace.ts';
import { type Subject, subject } from './subject.ts';

const errors = ['ENOSPC', 'EIO', 'EMFILE', 'EROFS'];

/** What a repository is before the run that is disturbed. `missing`: the run makes it. */
const shapes = ['missing', 'one snapshot', 'packed refs'] as const;

for (const shape of shapes) {
  subject(`a kill and an error at every system call: ${shape}`, async (subject) => {
    await using directory = await temporaryDirectory();
    const tracer = openTracer(directory.path);
    if (tracer === undefined) return subject.skip('strace is missing, or may not trace');
    const [start, work] = [join(directory.path, 'start'), join(directory.path, 'work')];
    const repository = join(work, 'snapshots.git');
    await prepare(work, shape);
    renameSync(work, start);
    /** Puts everything back to how it was, and runs a backup. */
    const begin = () => {
      rmSync(work, { recursive: true, force: true });
      cpSync(start, work, { recursive: true });
    };
    let last: Run = { status: null, stdout: '', stderr: '' };
    const run = async (prefix: readonly string[], env: { readonly [name: string]: string }) => {
      last = await finish(work, [...prefix, process.execPath, cli, 'backup', 'dir:live'], env);
    };

    begin();
    const programs = ['cli', 'index-pack', 'update-ref', ...(shape === 'missing' ? ['init'] : [])];
    const points = await tracer.points(repository, programs, async (prefix, env) => {
      begin();
      await run(prefix, env);
      if (last.status !== 0) throw new Error(`an undisturbed run failed: ${last.stderr}`);
    });
    subject.count('system calls', points.length);

    for (const [index, point] of points.entries()) {
      const rotated = errors[(index + subject.random.below(errors.length)) % errors.length] ?? 'EIO';
      const chosen = errors.filter((error) => error === rotated || subject.scale(0, 1) === 1);
      for (const what of ['signal=KILL', ...chosen.map((error) => `error=${error}`)]) {
        begin();
        const before = head(repository);
        if (!(await tracer.disturb(point, what, run))) {
          subject.count('missed');
          continue;
        }
        subject.count(what.startsWith('signal') ? 'kills' : 'errors');
        await judge(subject, work, before, last, `${describe(point)} ${what}`);
      }
    }
  });
}

const describe = ({ program, call, when }: Point) => `${program}: ${call} number ${when},`;

/** The branch is old or new, nothing is damaged, no success is false, and a run that is not disturbed succeeds. */
async function judge({ must }: Subject, work: string, before: string, end: Run, where: string): Promise<void> {
  const repository = join(work, 'snapshots.git');
  const after = head(repository);
  // The run that makes the repository begins it with a commit that explains it.
  const isNew = after !== before && git(repository, 'rev-list', '--count', after) !== '1\n';
  if (isNew) must(git(repository, 'show', `${after}:live/b`) === 'new', `${where} the new snapshot is not whole`);
  must(end.status !== 0 || isNew, `${where} exit 0 without the commit`);
  must(!/defect/.test(end.stderr), `${where} reported as a defect: ${end.stderr}`);
  if (before !== '') must(git(repository, 'fsck', '--strict', '--no-dangling') === '', `${where} fsck complains`);

  const next = await treekeeper(work, ['backup', 'dir:live']);
  must(next.status === 0, `${where} the next run: ${next.status} ${next.stderr} (the disturbed one: ${end.stderr})`);
  if (next.status !== 0) return;
  must(git(repository, 'show', 'main:live/b') === 'new', `${where} the next run did not record the change`);
  must(git(repository, 'fsck', '--strict', '--no-dangling') === '', `${where} fsck complains in the end`);
}

/** Makes a tree that is to be backed up, and the repository in that shape. */
async function prepare(path: string, shape: (typeof shapes)[number]): Promise<void> {
  mkdirSync(join(path, 'live/app'), { recursive: true });
  writeFileSync(join(path, 'live/app/a'), 'same');
  writeFileSync(join(path, 'live/b'), 'old');
  if (shape !== 'missing') await treekeeper(path, ['backup', 'dir:live']);
  if (shape === 'packed refs') git(join(path, 'snapshots.git'), 'gc', '--quiet');
  writeFileSync(join(path, 'live/b'), 'new');
}

function git(repository: string, ...args: string[]): string {
  try {
    return execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (thrown) {
    return String(thrown);
  }
}

/** Where the branch is; empty where there is none. */
function head(repository: string): string {
  if (!existsSync(join(repository, 'HEAD'))) return '';
  const found = git(repository, 'for-each-ref', '--format=%(objectname)', 'refs/heads/main');
  return found.trim();
}
