import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { bareRemote } from '../servers/git-hosts.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { mountTmpfs } from '../servers/tmpfs.ts';
import { startTreekeeper, treekeeper } from './run.ts';

const git = (path: string, ...args: string[]) =>
  execFileSync('git', ['-C', join(path, 'snapshots.git'), ...args], { encoding: 'utf8' }).trim();

function writeTree(path: string, round: number): void {
  for (let index = 0; index < 400; index++) {
    mkdirSync(join(path, 'live', `d${index % 20}`), { recursive: true });
    writeFileSync(
      join(path, 'live', `d${index % 20}`, `f${index}`),
      `round ${round}, file ${index}: ${'x'.repeat(index)}`,
    );
  }
}

test('killed at a hundred random moments, the branch is the old or the new snapshot and the next run needs no help', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  let state = seed;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  console.info(`seed ${seed}`);

  writeTree(path, 0);
  expect((await treekeeper(path, ['backup', 'dir:live'])).status).toBe(0);
  const start = Date.now();
  await treekeeper(path, ['backup', 'dir:live']);
  const whole = Date.now() - start + 200;

  const results = { old: 0, new: 0 };
  for (let round = 1; round <= 100; round++) {
    writeTree(path, round);
    const before = git(path, 'rev-parse', 'main');
    const { pid, ended } = startTreekeeper(path, ['backup', 'dir:live']);
    await Promise.race([delay(random() * whole), ended]);
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It had ended by then.
    }
    await ended;

    const after = git(path, 'rev-parse', 'main');
    const value = git(path, 'show', 'main:live/d7/f7');
    expect(value).toMatch(new RegExp(`^round ${after === before ? `(?!${round},)` : `${round},`}`));
    expect(after === before || git(path, 'rev-parse', 'main~1') === before).toBe(true);
    results[after === before ? 'old' : 'new'] += 1;
    if (round % 10 === 0) expect(git(path, 'fsck', '--strict', '--no-dangling', '--no-progress')).toBe('');
  }

  writeTree(path, 101);
  const last = await treekeeper(path, ['backup', 'dir:live']);
  expect(last).toMatchObject({ status: 0, stderr: '' });
  expect(git(path, 'fsck', '--strict', '--no-dangling', '--no-progress')).toBe('');
  expect(readdirSync(join(path, 'snapshots.git/objects')).filter((name) => name.startsWith('tmp_'))).toEqual([]);
  expect(existsSync(join(path, 'snapshots.git/treekeeper/lock'))).toBe(false);
  // Kills that all came too early or too late would prove nothing.
  expect(results.old).toBeGreaterThan(5);
}, 240_000);

test('killed while it makes the repository, it leaves no half of one in the way', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  writeTree(path, 0);
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  mkdirSync(join(path, 'bin'));
  const deadly = `#!/bin/sh\ncase " $* " in *" init "*) mkdir objects; kill -9 $PPID;; *) exec ${real} "$@";; esac\n`;
  writeFileSync(join(path, 'bin/git'), deadly, { mode: 0o755 });
  const killed = await treekeeper(path, ['backup', 'dir:live'], { PATH: `${path}/bin:${process.env['PATH']}` });
  expect(killed.status).toBeNull();
  expect(await treekeeper(path, ['backup', 'dir:live'])).toMatchObject({ status: 0 });
  expect(git(path, 'fsck', '--strict')).toBe('');
});

test.each([
  ['repack', ['maintenance'], 1, 'it was killed'],
  ['push', ['push'], 6, 'it was killed'],
  ['ls-remote', ['remote', 'test'], 6, 'it was killed'],
  ['fetch', ['fetch'], 1, 'it was killed'],
  ['fsck', ['check'], 5, 'it was killed'],
])('a `git %s` that is killed is no success', async (verb, args, status, reason) => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  writeTree(path, 0);
  await treekeeper(path, ['backup', 'dir:live']);
  await treekeeper(path, ['remote', 'add', 'origin', bareRemote(join(path, 'hub.git'))]);
  await treekeeper(path, ['push']);
  writeTree(path, 1);
  await treekeeper(path, ['backup', 'dir:live', '--no-push']);
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  mkdirSync(join(path, 'bin'));
  const deadly = `#!/bin/sh\ncase " $* " in *" ${verb} "*) kill -9 $$;; *) exec ${real} "$@";; esac\n`;
  writeFileSync(join(path, 'bin/git'), deadly, { mode: 0o755 });
  const run = await treekeeper(path, args, { PATH: `${path}/bin:${process.env['PATH']}` });
  expect(run.status).toBe(status);
  expect(run.stdout + run.stderr).toContain(reason);
});

test('two backups at once: one works, the other says who does', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  writeTree(path, 0);
  await treekeeper(path, ['init']);
  const runs = await Promise.all(
    Array.from({ length: 6 }, (_, index) => treekeeper(path, ['backup', 'dir:live', '--store', `s${index}`])),
  );
  const statuses = runs.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set(statuses.includes(11) ? [0, 11] : [0]));
  for (const { status, stderr } of runs) if (status === 11) expect(stderr).toMatch(/another run holds/);
  const stores = git(path, 'ls-tree', '--name-only', 'main')
    .split('\n')
    .filter((name) => /^s\d$/.test(name));
  expect(stores.length).toBe(statuses.filter((status) => status === 0).length);
  expect(git(path, 'fsck', '--strict')).toBe('');
});

test('stopped by a signal, it says so with its exit code and leaves no lock', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  for (let round = 0; round < 10; round++) writeTree(join(path, `live/${round}`), round);
  await treekeeper(path, ['init']);
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const before = git(path, 'rev-parse', 'main');
    const run = spawnAndSignal(path, signal);
    expect((await run).status).toBe(status);
    expect(git(path, 'rev-parse', 'main')).toBe(before);
    expect(existsSync(join(path, 'snapshots.git/treekeeper/lock'))).toBe(false);
  }
});

/** Signals once the run holds the lock, so that it is known to be in the middle. */
async function spawnAndSignal(path: string, signal: 'SIGINT' | 'SIGTERM') {
  const { spawn } = await import('node:child_process');
  const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [cli, 'backup', 'dir:live'], { cwd: path, stdio: 'ignore' });
  const ended = new Promise<{ status: number | null }>((resolve) =>
    child.once('close', (status) => resolve({ status })),
  );
  while (!existsSync(join(path, 'snapshots.git/treekeeper/lock')) && child.exitCode === null) await delay(1);
  child.kill(signal);
  return ended;
}

test.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)('a full disk is never a success', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const small = join(path, 'small');
  if (!mountTmpfs(small, '600k')) return console.warn('skipped: this machine does not let us mount a tmpfs');
  try {
    writeTree(path, 0);
    const made = await treekeeper(path, ['init', '--repo', 'small/repo.git']);
    expect(made.status).toBe(0);
    writeFileSync(
      join(path, 'live/large'),
      Buffer.from(Array.from({ length: 1_000_000 }, () => Math.floor(Math.random() * 256))),
    );
    const full = await treekeeper(path, ['backup', 'dir:live', '--repo', 'small/repo.git']);
    expect(full.status).toBe(1);
    expect(full.stderr).toMatch(/[Nn]o space left/);
    rmSync(join(path, 'live/large'));
    expect((await treekeeper(path, ['backup', 'dir:live', '--repo', 'small/repo.git'])).status).toBe(0);
    expect((await treekeeper(path, ['check', '--repo', 'small/repo.git'])).status).toBe(0);
  } finally {
    execFileSync('umount', [small]);
  }
});
