import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One finished process: its wall time in seconds and the most memory it held, in MB, with all its children. */
export interface Run {
  readonly seconds: number;
  readonly peak: number;
}

export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: { readonly [name: string]: string };
  /** Statuses that are no failure. */
  readonly accept?: readonly number[];
  /** Written to its standard input. */
  feed?(stdin: NonNullable<ChildProcess['stdin']>): Promise<void>;
}

/** Runs a command to its end. Throws where it fails, since the time of a failure means nothing. */
export async function run({ command, args, env, accept = [0], feed }: CommandLine): Promise<Run> {
  const start = performance.now();
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: [feed ? 'pipe' : 'ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));

  let peak = 0;
  const sampler = setInterval(() => (peak = Math.max(peak, residentTree(child.pid ?? 0))), 25);
  try {
    const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    if (feed && child.stdin) await feed(child.stdin);
    const status = await ended;
    if (status === null || !accept.includes(status)) throw new Error(`${command} ${args.join(' ')}: exit status ${status}\n${complaint}`);
    return { seconds: (performance.now() - start) / 1000, peak };
  } finally {
    clearInterval(sampler);
  }
}

/** The median of each command's runs, which alternate so that a slow moment of the machine hits all of them alike. */
export async function compareRuns(rounds: number, lines: readonly (() => Promise<Run>)[]): Promise<Run[]> {
  const runs: Run[][] = lines.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, line] of lines.entries()) runs[index]?.push(await line());
  }
  return runs.map((all) => ({ seconds: median(all.map(({ seconds }) => seconds)), peak: Math.max(...all.map(({ peak }) => peak)) }));
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** MB resident in a process and its children now (Linux; 0 elsewhere). */
function residentTree(pid: number): number {
  try {
    const own = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean);
    return Number(own) / 1024 + children.reduce((sum, child) => sum + residentTree(Number(child)), 0);
  } catch {
    return 0;
  }
}
