import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lines, records, workspace } from './workspace.ts';

test('the main job: snapshots of a changing tree, a loss, the plan, the restore', async () => {
  await using space = await workspace();
  const { path, run, write, git } = space;

  const first = await run('backup', 'dir:live');
  expect(first).toMatchObject({ status: 0, stderr: `made the repository ${join(path, 'snapshots.git')}\n` });
  expect(first.stdout).toMatch(
    /^live: 5 added, 0 changed, 0 removed \(5 nodes\)\nsnapshot [0-9a-f]{10} on main, quiescent\n$/,
  );

  write('app/db/pool', 'max: 40\n');
  write('app/new', 'x\n');
  rmSync(join(path, 'live/app/motd'));
  expect((await run('backup', 'dir:live')).stdout).toMatch(/^live: 1 added, 1 changed, 1 removed \(5 nodes\)\n/);

  const diff = await run('diff', 'latest~1', 'latest');
  expect(lines(diff.stdout)).toEqual([
    '~ app/db/pool',
    '    -max: 10',
    '    +max: 40',
    '- app/motd',
    '    -hello',
    '+ app/new',
    '    +x',
    '1 added, 1 changed, 1 removed',
  ]);

  rmSync(join(path, 'live/app/db'), { recursive: true });
  write('app/new', 'edited\n');
  const plan = await run('restore', 'latest', 'dir:live', '-n');
  expect(lines(plan.stdout)).toEqual([
    '+ create: app/db',
    '+ create: app/db/pool',
    '+ create: app/db/url',
    '! differs, kept: app/new',
    'plan: 3 to create, 1 same, 1 differ (kept)',
  ]);
  expect((await run('restore', 'latest:app/db', 'dir:live')).status).toBe(0);
  const again = await run('restore', 'latest', 'dir:live');
  expect(again).toMatchObject({
    status: 3,
    stdout: expect.stringContaining('restore: 0 created, 4 were there already, 1 differ (kept)'),
  });
  expect(readFileSync(join(path, 'live/app/new'), 'utf8')).toBe('edited\n');
  expect(readFileSync(join(path, 'live/app/db/pool'), 'utf8')).toBe('max: 40\n');
  expect(git('fsck', '--strict')).toBe('');
});

test('a snapshot that changes nothing writes no object and no commit', async () => {
  await using space = await workspace();
  await space.run('backup', 'dir:live');
  const before = [space.git('rev-parse', 'main'), space.git('count-objects', '-v')];
  expect((await space.run('backup', 'dir:live')).stdout).toContain('live: no change (5 nodes)');
  expect([space.git('rev-parse', 'main'), space.git('count-objects', '-v')]).toEqual(before);
});

test('a dry run tells what would change, and writes nothing', async () => {
  await using space = await workspace();
  const { run, write, git } = space;
  expect(await run('backup', 'dir:live', '-n')).toMatchObject({ status: 10, stdout: '' });
  await run('backup', 'dir:live');
  write('app/new', '1');
  const before = git('rev-parse', 'main');
  const { status, stdout } = await run('backup', 'dir:live', '-n');
  expect(status).toBe(0);
  expect(lines(stdout).slice(0, 2)).toEqual([
    '+ app/new',
    'live: 1 added, 0 changed, 0 removed (6 nodes), if it were not a dry run',
  ]);
  expect(git('rev-parse', 'main')).toBe(before);
});

test('looking: log, log of a key, ls and show', async () => {
  await using space = await workspace();
  const { run, write } = space;
  const binary = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  write('bin', binary);
  await run('backup', 'dir:live');
  write('app/db/url', 'postgres://db2\n');
  await run('backup', 'dir:live');

  const log = await run('log');
  expect(lines(log.stdout).map((line) => line.slice(34))).toEqual([
    'live: 0 added, 1 changed, 0 removed (6 nodes)',
    'live: 6 added, 0 changed, 0 removed (6 nodes)',
  ]);
  const changes = records((await run('log', 'app/db/url', '--json')).stdout).map(({ change }) => change);
  expect(changes).toEqual(['changed', 'added']);
  expect(records((await run('log', 'app', '--json')).stdout).map(({ change }) => change)).toEqual([
    'changed below',
    'added',
  ]);
  expect((await run('log', 'app/motd', '-n', '5')).stdout).toContain('live: added');

  expect(lines((await run('ls')).stdout)).toEqual(['app', 'app/db', 'app/db/pool', 'app/db/url', 'app/motd', 'bin']);
  expect(lines((await run('ls', 'latest:app/db', '-l')).stdout)).toEqual([
    '  no value  app/db',
    '       8 B  app/db/pool',
    '      15 B  app/db/url',
  ]);
  expect(lines((await run('ls', 'latest:app/')).stdout)).toEqual([
    'app',
    'app/db',
    'app/db/pool',
    'app/db/url',
    'app/motd',
  ]);
  expect(lines((await run('ls', 'latest:/')).stdout)).toHaveLength(6);
  const mistyped = await run('ls', 'latest:app/bd');
  expect(mistyped).toMatchObject({ status: 2, stdout: '' });
  expect(mistyped.stderr).toContain('there is nothing at app/bd in latest of live');
  expect((await run('show', 'latest~1:app/db/url')).stdout).toBe('postgres://db1\n');
  const shown = execFileSync(
    process.execPath,
    [new URL('../../dist/cli.js', import.meta.url).pathname, 'show', 'latest:bin'],
    { cwd: space.path },
  );
  expect(Buffer.compare(shown, binary)).toBe(0);
  expect(records((await run('show', 'latest:bin', '--json')).stdout)[0].value).toEqual({
    base64: Buffer.from(binary).toString('base64'),
  });
});

test('dump shows the live tree, and values only when asked', async () => {
  await using space = await workspace();
  space.write('secret', 'hunter2');
  const without = await space.run('dump', 'dir:live');
  expect(without.stdout).toContain('secret  7 B');
  expect(without.stdout).not.toContain('hunter2');
  expect((await space.run('dump', 'dir:live', '--values')).stdout).toContain('secret = hunter2');
  expect(records((await space.run('dump', 'dir:live', '--values', '--json')).stdout)).toContainEqual({
    type: 'node',
    key: 'secret',
    size: 7,
    value: 'hunter2',
  });
});

test('drift: a snapshot against the live service', async () => {
  await using space = await workspace();
  const { run, write } = space;
  await run('backup', 'dir:live');
  expect((await run('diff', 'latest', 'dir:live', '--exit-code')).status).toBe(0);
  write('app/db/url', 'postgres://elsewhere\n');
  const drift = await run('diff', 'latest', 'dir:live', '--exit-code');
  expect(drift.status).toBe(4);
  expect(lines(drift.stdout)).toEqual([
    '~ app/db/url',
    '    -postgres://db1',
    '    +postgres://elsewhere',
    '0 added, 1 changed, 0 removed',
  ]);
});

test('nodes that are left out on purpose stay out, and are counted', async () => {
  await using space = await workspace();
  symlinkSync('/etc/passwd', join(space.path, 'live/link'));
  const { stdout } = await space.run('backup', 'dir:live', '--exclude', 'app/db/**');
  expect(stdout).toMatch(/\(3 nodes\)/);
  expect(stdout).toMatch(/2 excluded skipped/);
  expect(stdout).toMatch(/1 symbolic link skipped/);
  expect(lines((await space.run('ls')).stdout)).toEqual(['app', 'app/db', 'app/motd']);
  expect((await space.run('diff', 'latest', 'dir:live', '--exit-code')).status).toBe(0);
});

test('a restore can move keys, and create what another kind of service had', async () => {
  await using space = await workspace();
  const { path, run } = space;
  await run('backup', 'dir:live');
  expect((await run('restore', 'latest:app/db', 'dir:live', '--map', 'app/db=app/copy/db')).status).toBe(0);
  expect(readFileSync(join(path, 'live/app/copy/db/url'), 'utf8')).toBe('postgres://db1\n');
  expect((await run('restore', 'latest', 'dir:elsewhere')).status).toBe(0);
  expect(readFileSync(join(path, 'elsewhere/app/motd'), 'utf8')).toBe('hello\n');
});

test('doctor tells what a backup would read and leave out, and what a restore may do, and changes nothing', async () => {
  await using space = await workspace();
  const { path, run } = space;
  symlinkSync('motd', join(path, 'live/app/link'));
  const { status, stdout } = await run('doctor', 'dir:live');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^reached dir:/);
  expect(stdout).toMatch(/answers in \d+\.\d ms/);
  expect(stdout).toMatch(/reads 5 nodes of 29 B in .*, the largest 15 B at app\/db\/url; quiescent/);
  expect(stdout).toContain('leaves out 1 nodes: symbolic link');
  expect(readdirSync(path)).toEqual(['live']);

  const told = records((await run('doctor', 'dir:live', '--json')).stdout);
  expect(told.map(({ type }) => type)).toEqual(['identity', 'latency', 'read', 'skipped', 'restorable']);
  expect(await run('doctor', 'dir:nowhere')).toMatchObject({ status: 15, stderr: expect.stringContaining('nowhere') });
});

test('a strict restore creates nothing where something could not be created', async () => {
  await using space = await workspace();
  const { path, run, write } = space;
  await run('backup', 'dir:live');
  mkdirSync(join(path, 'other'));
  const refused = ['restore', 'latest', 'dir:other', '--map', 'app/motd=app/..'];
  const strict = await run(...refused, '--strict');
  expect(strict).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('nothing was created: 1 nodes could not be'),
  });
  expect(readdirSync(join(path, 'other'))).toEqual([]);

  expect((await run(...refused)).status).toBe(3);
  expect(readFileSync(join(path, 'other/app/db/pool'), 'utf8')).toBe('max: 10\n');
  write('app/motd', 'x');
  expect((await run('restore', 'latest', 'dir:other', '--strict')).status).toBe(0);
});
