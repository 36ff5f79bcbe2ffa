import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './temporary.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');

/** Programs that run in a process of their own, so that they can be killed or run beside each other. */
export const runs = {
  lock: join(here, 'run-lock.mjs'),
  write: join(here, 'run-write.mjs'),
};

let output: string | undefined;

/** The sources as JavaScript, in a directory of their own: Node 20 does not run TypeScript. */
export function compiled(): string {
  if (output !== undefined) return output;
  output = temporaryDirectory();
  writeFileSync(join(output, 'package.json'), '{ "type": "module" }');
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', root, '--outDir', output, '--declaration', 'false'], {
    stdio: 'inherit',
  });
  return output;
}

export interface End {
  readonly stdout: string;
  readonly stderr: string;
  readonly killed: boolean;
}

/** Starts a program in a process group of its own. */
export function start(program: string, args: readonly string[]): { child: ChildProcess; ended: Promise<End> } {
  const child = spawn(process.execPath, [program, ...args], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const ended = new Promise<End>((resolve) => {
    child.on('close', (_, killer) => resolve({ stdout, stderr, killed: killer !== null }));
  });
  return { child, ended };
}
