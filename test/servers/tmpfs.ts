import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** Makes a directory that is a disk of its own. Answers false where that may not be: only root may mount, and not everywhere. */
export function mountTmpfs(path: string, size: string): boolean {
  mkdirSync(path);
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
