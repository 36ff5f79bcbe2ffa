import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A server that a test started, and everything that can befall it. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  /** Stops it from answering, without closing a connection. It may still answer until the promise is fulfilled. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a program and waits until `isReady`. Its output goes to a file, which is told where it dies before that. */
export async function startServer(
  command: string,
  args: readonly string[],
  directory: string,
  isReady: () => Promise<boolean>,
): Promise<Server> {
  const log = join(directory, `${Math.random().toString(36).slice(2)}.log`);
  const output = openSync(log, 'w');
  const child = spawn(command, args, { stdio: ['ignore', output, output], cwd: directory });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  void ended.then(() => running.delete(child));

  const deadline = Date.now() + 60_000;
  while (!(await isReady().catch(() => false))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`${command} did not start:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    pid: child.pid ?? 0,
    async pause() {
      child.kill('SIGSTOP');
      while (!(await isStopped(child.pid ?? 0)));
    },
    resume: () => void child.kill('SIGCONT'),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/** A busy machine stops a process of many threads some time after the signal. */
async function isStopped(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]);
  return stdout.startsWith('T');
}

/**
 * Ports that nobody listens on now. They are below those that the system gives to connections, and to whoever listens on
 * any: a server that starts slowly would find its own taken by a proxy of another test, and that taken for it.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) =>
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true))),
  );
}

/** A directory that is gone with the test. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'treekeeper-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
