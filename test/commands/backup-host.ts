import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../servers/process.ts';
import { treekeeper } from './run.ts';

export const token = 'canary-7c1f0e/+secret';

/** A host with a directory to back up, and a repository of its own. */
export async function backupHost(env: { readonly [name: string]: string } = {}) {
  const directory = await temporaryDirectory();
  const { path } = directory;
  mkdirSync(join(path, 'live'));
  const write = (name: string, content: string) => writeFileSync(join(path, 'live', name), content);
  write('app', 'one\n');
  return {
    path,
    write,
    run: (...args: string[]) => treekeeper(path, args, env),
    git: (...args: string[]) => git(join(path, 'snapshots.git'), ...args),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

export function git(path: string, ...args: string[]): string {
  return execFileSync('git', ['-C', path, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd();
}

export const subjects = (path: string, branch = 'main') => git(path, 'log', '--format=%s', branch).split('\n');

/** What every process of this machine was started with. */
export function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    });
}
