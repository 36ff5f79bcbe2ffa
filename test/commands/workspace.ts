import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../servers/process.ts';
import { treekeeper } from './run.ts';

/** A directory with a small tree in `live`, and everything a test needs to use treekeeper in it. */
export async function workspace() {
  const directory = await temporaryDirectory();
  const { path } = directory;
  const write = (name: string, content: string | Uint8Array) => {
    mkdirSync(join(path, 'live', name, '..'), { recursive: true });
    writeFileSync(join(path, 'live', name), content);
  };
  write('app/db/url', 'postgres://db1\n');
  write('app/db/pool', 'max: 10\n');
  write('app/motd', 'hello\n');
  return {
    path,
    write,
    run: (...args: string[]) => treekeeper(path, args),
    git: (...args: string[]) => execFileSync('git', ['-C', join(path, 'snapshots.git'), ...args], { encoding: 'utf8' }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

export const lines = (text: string) => text.trimEnd().split('\n');
export const records = (text: string) => lines(text).map((line) => JSON.parse(line));
