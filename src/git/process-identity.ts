import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** What tells one process from every other that ever had its number. */
export interface ProcessIdentity {
  readonly host: string;
  /** Which start of the machine, where it tells (Linux). */
  readonly boot: string | undefined;
  readonly pid: number;
  /** When the process started, in whatever way the system puts it. */
  readonly started: string | undefined;
}

export function thisProcess(): ProcessIdentity {
  return { host: hostName(), boot: bootId(), pid: process.pid, started: startOf(process.pid) };
}

/** Whether a process still runs. One on another host always counts as running: nobody here can tell. */
export function isAlive({ host, boot, pid, started }: ProcessIdentity): boolean {
  if (host !== hostName()) return true;
  if (boot !== undefined && boot !== bootId()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, and belongs to somebody else
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return started === undefined || started === startOf(pid);
}

/** In a container, process numbers are those of its own namespace, and the host's name may be that of the machine. */
function hostName(): string {
  try {
    return `${hostname()} (${readlinkSync('/proc/self/ns/pid')})`;
  } catch {
    return hostname();
  }
}

function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

function startOf(pid: number): string | undefined {
  try {
    // field 22, counted behind the command's name, which may hold anything (proc_pid_stat(5))
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // a zombie has ended, only its parent has not been told yet
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return startByPs(pid);
  }
}

function startByPs(pid: number): string | undefined {
  if (process.platform === 'linux' || process.platform === 'win32') return undefined;
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
