import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process to start. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** One thing to measure. */
export interface Work {
  readonly name: string;
  /** Brings everything into the state that the work starts from, which is not measured, and answers what to start. */
  start(): Promise<Command> | Command;
  /** The process prints the seconds itself, without those for its preparations. */
  readonly timesItself?: boolean;
  /** In the first round only: it takes too long. */
  readonly once?: boolean;
}

/** What the runs of one work took: seconds, and the most memory in MB that a run held together with its children. */
export interface Measured {
  readonly name: string;
  readonly runs: number;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly peak: number;
}

/**
 * Runs each work several times, in turn, so that a slow moment of the machine hits all of them alike. Answers in the order
 * of the works. Throws where one fails: its time would mean nothing.
 */
export async function measure(works: readonly Work[], rounds: number): Promise<Measured[]> {
  const runs: { readonly seconds: number; readonly peak: number }[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      if (work.once && round > 0) continue;
      const run = await take(work);
      process.stderr.write(`${work.name}: ${run.seconds.toFixed(2)} s, ${run.peak.toFixed(0)} MB\n`);
      runs[index]?.push(run);
    }
  }
  return runs.map((all, index) => {
    const seconds = all.map((run) => run.seconds).sort((a, b) => a - b);
    return {
      name: works[index]?.name ?? '',
      runs: all.length,
      median: seconds[Math.floor(seconds.length / 2)] ?? Number.NaN,
      least: seconds[0] ?? Number.NaN,
      most: seconds.at(-1) ?? Number.NaN,
      peak: Math.max(...all.map(({ peak }) => peak)),
    };
  });
}

async function take(work: Work) {
  const { command, args } = await work.start();
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, complaint, peak] = ['', '', 0];
  child.stdout.on('data', (chunk: Buffer) => {
    if (work.timesItself) output += chunk.toString();
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
  if (status !== 0) throw new Error(`${work.name}: exit status ${status}\n${complaint}`);
  return { seconds: work.timesItself ? Number(output.trim()) : (performance.now() - start) / 1000, peak };
}

/** MB resident now (Linux; 0 elsewhere, or where the process has just ended). */
function residentWithChildren(pid: number): number {
  try {
    const own = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    // Until it runs its own program, a child is a copy of its parent, whose pages it shares.
    const others = children.filter((child) => commandOf(child) !== commandOf(String(pid)));
    return Number(own) / 1024 + others.reduce((sum, child) => sum + residentWithChildren(Number(child)), 0);
  } catch {
    return 0;
  }
}

function commandOf(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
}
