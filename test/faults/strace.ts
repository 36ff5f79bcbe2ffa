import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary } from '../servers/binaries.ts';

/*
 * Runs the command line with one of its system calls disturbed. strace counts calls per thread, and would disturb those of
 * all programs at once; so exactly one is traced: our own, or one verb of git, which a `git` before all others in PATH
 * sees to.
 */

/** All calls that change files or directories, or make that durable. */
const changing = [
  ...['openat', 'write', 'pwrite64', 'writev', 'ftruncate', 'fsync', 'fdatasync', 'fchmod', 'chmod'],
  ...[
    'rename',
    'renameat',
    'renameat2',
    'link',
    'linkat',
    'unlink',
    'unlinkat',
    'mkdir',
    'mkdirat',
    'rmdir',
    'symlink',
  ],
];

/** `cli`, or the verb of a git. */
export type Program = string;

/** The `when`th call of this name that one thread of the program makes. */
export interface Point {
  readonly program: Program;
  readonly call: string;
  readonly when: number;
}

export interface Tracer {
  /** What all programs of a run do to files, each line with the thread that did it. */
  traceAll(run: (prefix: readonly string[]) => Promise<void>): Promise<string>;
  /** Every call of a run that changes something below `directory`. */
  points(directory: string, programs: readonly Program[], run: Start): Promise<Point[]>;
  /**
   * Runs it with one call disturbed; tells whether the disturbance came, and where an error did, that all of it was below
   * `directory`: a program does not open its files in the same order each time. `what` is strace's: `signal=KILL`, `error=EIO`.
   */
  disturb(point: Point, what: string, directory: string, run: Start): Promise<boolean>;
}

/** Starts the command line by a command before it, with variables of its own. */
export type Start = (prefix: readonly string[], env: { readonly [name: string]: string }) => Promise<void>;

/** `undefined` where strace is missing or may not trace. */
export function openTracer(scratch: string): Tracer | undefined {
  const [strace, git] = [findBinary('strace'), findBinary('git')];
  if (strace === undefined || git === undefined || !mayTrace(strace)) return undefined;

  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh\ncase " $* " in *" $TRACED "*) exec ${strace} $TRACED_BY ${git} "$@";; *) exec ${git} "$@";; esac\n`,
  );
  chmodSync(join(bin, 'git'), 0o755);
  const log = join(scratch, 'trace');

  async function trace(program: Program, options: readonly string[], run: Start): Promise<string> {
    writeFileSync(log, '');
    const args = ['-f', '-qq', '-y', '-A', '-o', log, '-e', `trace=${changing.join(',')}`, ...options];
    const path = { PATH: `${bin}:${process.env['PATH']}`, UV_THREADPOOL_SIZE: '1' };
    if (program === 'cli') await run([strace ?? '', ...args, '-b', 'execve'], { ...path, TRACED: 'nothing' });
    else await run([], { ...path, TRACED: program, TRACED_BY: args.join(' ') });
    return readFileSync(log, 'latin1');
  }

  return {
    async traceAll(run) {
      await run([strace, '-f', '-qq', '-y', '-o', log, '-e', `trace=${changing.join(',')}`]);
      return readFileSync(log, 'latin1');
    },

    async points(directory, programs, run) {
      const points = new Map<string, Point>();
      for (const program of programs) {
        const seen = new Map<string, number>();
        for (const line of (await trace(program, [], run)).split('\n')) {
          const [, thread, call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
          if (thread === undefined) continue;
          const when = (seen.get(`${thread} ${call}`) ?? 0) + 1;
          seen.set(`${thread} ${call}`, when);
          const changes = call !== 'openat' || /O_CREAT|O_TRUNC/.test(line);
          if (changes && isBelow(directory, line)) points.set(`${program} ${call} ${when}`, { program, call, when });
        }
      }
      return [...points.values()];
    },

    async disturb({ program, call, when }, what, directory, run) {
      const text = await trace(program, ['-e', `inject=${call}:${what}:when=${when}`], run);
      const injected = text.split('\n').filter((line) => line.includes('INJECTED'));
      if (injected.length > 0) return injected.every((line) => isBelow(directory, line));
      return /killed by SIGKILL/.test(text);
    },
  };
}

/** Whether a call names something there. Before an absolute path, the working directory says nothing. */
function isBelow(directory: string, line: string): boolean {
  return line.replace(/AT_FDCWD<[^>]*>, "\//g, '"/').includes(directory);
}

function mayTrace(strace: string): boolean {
  try {
    execFileSync(strace, ['-qq', '-o', '/dev/null', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
