import { type SimpleGit, simpleGit } from 'simple-git';
import { hardenedConfig, hardenedEnvironment } from './process.ts';

/** What one call of git needs beside what all of them get. */
export interface Circumstances {
  /** As `-c` takes it. */
  readonly config?: readonly string[];
  readonly env?: { readonly [name: string]: string };
  /** How long git may say nothing before it is given up, in milliseconds. */
  readonly idle?: number;
  readonly signal?: AbortSignal | undefined;
}

/** simple-git refuses settings that could run a program, and means ours, which keep programs from running, too. */
export function openSimpleGit(baseDir: string, { config = [], env = {}, idle, signal }: Circumstances = {}): SimpleGit {
  const environment = { ...hardenedEnvironment(), ...env };
  return simpleGit({
    baseDir,
    config: [...hardenedConfig, ...config],
    ...(idle !== undefined && { timeout: { block: idle } }),
    ...(signal && { abort: signal }),
    // By itself it takes a git that was killed, or failed without a word, for one that succeeded.
    errors: (error, { exitCode, stdOut, stdErr }) => {
      if (error !== undefined || exitCode === 0) return error;
      const said = Buffer.concat([...stdOut, ...stdErr]);
      const isKilled = (exitCode as number | null) === null;
      if (said.length > 0 && !isKilled) return said;
      return Buffer.concat([said, Buffer.from(`\nfatal: it ${isKilled ? 'was killed' : `exited with ${exitCode}`}`)]);
    },
    allowEnvironment: Object.keys(environment),
    unsafe: {
      allowUnsafeHooksPath: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeTemplateDir: true,
      allowUnsafeAskPass: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeExec: true,
      allowUnsafeSshCommand: true,
    },
  }).env(environment);
}
