import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { requireDescribed } from './output-schema.ts';

/** The built command line. */
export const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** How a run of the built command line ended. */
export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line in a directory, with nothing of the environment that could lead it elsewhere. */
export function treekeeper(directory: string, args: readonly string[], env: Environment = {}): Promise<Run> {
  return finish(directory, [process.execPath, cli, ...args], env);
}

/** The same for any command. */
export function finish(directory: string, command: readonly string[], env: Environment = {}): Promise<Run> {
  return start(directory, command, env).ended;
}

/** Starts the command line in a process group of its own, to be killed as a whole. */
export function startTreekeeper(directory: string, args: readonly string[], env: Environment = {}): Started {
  return start(directory, [process.execPath, cli, ...args], env, true);
}

interface Environment {
  readonly [name: string]: string;
}

interface Started {
  readonly pid: number;
  readonly ended: Promise<Run>;
}

function start(
  directory: string,
  [command = '', ...args]: readonly string[],
  env: Environment,
  detached = false,
): Started {
  const child = spawn(command, args, {
    cwd: directory,
    detached,
    env: { PATH: process.env['PATH'], HOME: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Run>((resolve, reject) => {
    child.once('error', reject).once('close', (status) => {
      try {
        // Whatever a test is about: what it prints as JSON is what is published.
        if (args.includes('--json')) for (const line of stdout.split('\n')) if (line !== '') requireDescribed(line);
        resolve({ status, stdout, stderr });
      } catch (thrown) {
        reject(thrown);
      }
    });
  });
  return { pid: child.pid ?? 0, ended };
}
