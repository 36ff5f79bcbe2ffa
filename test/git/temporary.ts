import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createRepository, type Repository } from '../../src/git/repository.ts';

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A directory that goes when the test file is done. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'treekeeper-'));
  directories.push(directory);
  return directory;
}

/** An empty repository, as treekeeper makes them. */
export function emptyRepository(): Promise<Repository> {
  return createRepository(join(temporaryDirectory(), 'r.git'));
}

/** Runs the real git, without anybody's configuration, in a directory. */
export function git(cwd: string, args: readonly string[], input?: string | Uint8Array): string {
  const person = {
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'c',
    GIT_COMMITTER_EMAIL: 'c@example.org',
  };
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', ...person };
  return execFileSync('git', args, {
    cwd,
    env,
    input: input ?? '',
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  })
    .toString('latin1')
    .trimEnd();
}
