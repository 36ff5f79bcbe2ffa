import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a process took: seconds, and the most memory in MB that it held together with its children. */
export interface Run {
  readonly seconds: number;
  readonly peak: number;
}

/** One thing to measure. */
export interface Work {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Brings everything into the state that the work starts from; not measured. */
  prepare?(): Promise<unknown> | unknown;
  /** The process prints the seconds itself, without those for its preparations. */
  readonly timesItself?: boolean;
}

/**
 * Runs each work several times, in turn, so that a slow moment of the machine hits all of them alike. Answers the medians
 * of the times and the highest peaks, in the order of the works. Throws where one fails: its time would mean nothing.
 */
export async function measure(works: readonly Work[], rounds: number): Promise<Run[]> {
  const runs: Run[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      await work.prepare?.();
      runs[index]?.push(await run(work));
    }
  }
  return runs.map((all) => ({
    seconds: median(all.map(({ seconds }) => seconds)),
    peak: Math.max(...all.map(({ peak }) => peak)),
  }));
}

async function run({ name, command, args, timesItself }: Work): Promise<Run> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, complaint, peak] = ['', '', 0];
  child.stdout.on('data', (chunk: Buffer) => {
    if (timesItself) output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const sampler = setInterval(() => {
    peak = Math.max(peak, residentWithChildren(child.pid ?? 0));
  }, 20);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  clearInterval(sampler);
  if (status !== 0) throw new Error(`${name}: exit status ${status}\n${complaint}`);
  return { seconds: timesItself ? Number(output.trim()) : (performance.now() - start) / 1000, peak };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** MB resident now (Linux; 0 elsewhere, or where the process has just ended). */
function residentWithChildren(pid: number): number {
  try {
    const own = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return Number(own) / 1024 + children.reduce((sum, child) => sum + residentWithChildren(Number(child)), 0);
  } catch {
    return 0;
  }
}
