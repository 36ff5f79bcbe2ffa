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

/** Ports that nobody listens on now. Another process may still take one; the server then fails to start, loudly. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) =>
        server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server)),
      );
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A directory that is gone with the test. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'treekeeper-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
