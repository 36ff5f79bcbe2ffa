import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, finish } from './run.ts';
import { lines, records, workspace } from './workspace.ts';

/** A tree of three wide directories, snapshotted, of which nothing is left but a node that differs. */
async function lostTree() {
  const space = await workspace();
  for (let index = 0; index < 60; index++) space.write(`app/s${index % 3}/k${index}`, `canary ${index}`);
  await space.run('backup', 'dir:live');
  rmSync(join(space.path, 'live/app'), { recursive: true });
  space.write('app/motd', 'edited');
  return space;
}

test('a long plan is grouped by subtree, and told node by node where asked', async () => {
  await using space = await lostTree();
  const grouped = await space.run('restore', 'latest', 'dir:live', '-n');
  expect(lines(grouped.stdout)).toEqual([
    '+ create: app/db',
    '+ create: app/db/pool',
    '+ create: app/db/url',
    '+ create: app/s0 and 20 nodes below it',
    '+ create: app/s1 and 20 nodes below it',
    '+ create: app/s2 and 20 nodes below it',
    '! differs, kept: app/motd',
    'plan: 66 to create, 1 same, 1 differ (kept)',
  ]);
  const full = await space.run('restore', 'latest', 'dir:live', '-n', '--full');
  expect(lines(full.stdout)).toContain('+ create: app/s2/k59');
  const steps = records((await space.run('restore', 'latest', 'dir:live', '-n', '--json')).stdout);
  expect(steps.filter(({ type }) => type === 'step')).toHaveLength(68);
  expect(steps.at(-1)).toMatchObject({ type: 'plan', create: 66, same: 1, differs: 1 });
});

test('a plan that was kept is carried out exactly, whatever was backed up or lost since', async () => {
  await using space = await lostTree();
  const { path, run, write } = space;
  const planned = await run('restore', 'latest', 'dir:live', '--key', 'app/s1', '--plan-out', 'plan.jsonl');
  expect(planned).toMatchObject({ status: 0, stderr: expect.stringContaining('treekeeper apply plan.jsonl') });
  expect(readdirSync(join(path, 'live/app'))).toEqual(['motd']);
  expect(statSync(join(path, 'plan.jsonl')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(path, 'plan.jsonl'), 'utf8')).not.toContain('canary');

  write('app/later', 'backed up after the plan was made');
  await run('backup', 'dir:live', '--allow-mass-removal');
  rmSync(join(path, 'live/app/later'));
  mkdirSync(join(path, 'live/app/s1'));
  writeFileSync(join(path, 'live/app/s1/k1'), 'appeared meanwhile');

  const applied = await run('apply', 'plan.jsonl');
  expect(applied).toMatchObject({
    status: 3,
    stdout: expect.stringContaining('restore: 19 created, 1 were there already, 1 differ (kept)'),
  });
  expect(readdirSync(join(path, 'live/app')).sort()).toEqual(['motd', 's1']);
  expect(readFileSync(join(path, 'live/app/s1/k1'), 'utf8')).toBe('appeared meanwhile');
  expect(readFileSync(join(path, 'live/app/s1/k4'), 'utf8')).toBe('canary 4');
});

test('a plan is refused where it was damaged, edited, or is for something else', async () => {
  await using space = await lostTree();
  const { path, run } = space;
  await run('restore', 'latest:app/s1', 'dir:live', '--plan-out', 'plan.jsonl');
  const plan = readFileSync(join(path, 'plan.jsonl'), 'latin1');
  const steps = plan.split('\n').slice(0, -2);
  /** As somebody would who knows how a plan is made. */
  const signed = (body: readonly string[]) => {
    const text = body.map((line) => `${line}\n`).join('');
    return `${text}{"type":"end","sha256":"${createHash('sha256').update(text).digest('hex')}"}\n`;
  };
  const other = createHash('sha1').update('blob 1\0x').digest('hex');
  const cases: readonly (readonly [string, string, number])[] = [
    ['a byte changed', plan.replace('k10', 'k11'), 5],
    ['cut off', plan.slice(0, -20), 5],
    ['another key', signed(steps.map((line) => line.replace('s1/k4"', 's1/k9999"'))), 5],
    [
      'another value',
      signed(steps.map((line) => line.replace(/("app\/s1\/k4","value":)"[0-9a-f]+"/, `$1"${other}"`))),
      5,
    ],
    ['a step less', signed(steps.slice(0, -1)), 5],
    ['a step twice', signed([...steps, ...steps.slice(-1)]), 5],
    [
      'another part of the snapshot',
      signed(steps.map((line) => line.replace('"below":"app/s1"', '"below":"app/s2"'))),
      5,
    ],
    ['another tree', signed(steps.map((line) => line.replace(/"tree":"[0-9a-f]+"/, `"tree":"${other}"`))), 5],
    [
      'another snapshot',
      signed(steps.map((line) => line.replace(/"snapshot":"[0-9a-f]+"/, `"snapshot":"${other}"`))),
      2,
    ],
    ['another version', signed(steps.map((line) => line.replace('"version":1', '"version":2'))), 2],
    ['no plan at all', 'hello\n', 2],
  ];
  for (const [name, content, status] of cases) {
    writeFileSync(join(path, 'other.jsonl'), content, 'latin1');
    const refused = await run('apply', 'other.jsonl');
    expect([name, refused.status, refused.stderr]).toEqual([name, status, expect.stringContaining('hint: ')]);
  }
  const { status } = await run('apply', 'plan.jsonl', '--repo', 'elsewhere.git');
  expect(status).toBe(10);

  await run('init', '--repo', 'other.git');
  expect(await run('apply', 'plan.jsonl', '--repo', 'other.git')).toMatchObject({ status: 2 });
  expect(readdirSync(join(path, 'live/app'))).toEqual(['motd']);
});

test('a key at which the snapshot has nothing is a mistake, and no success', async () => {
  await using space = await lostTree();
  for (const args of [
    ['restore', 'latest:app/dv'],
    ['verify', 'latest:/app'],
    ['verify', 'latest', '--key', 'app/s'],
  ]) {
    const { status, stdout, stderr } = await space.run(...args, 'dir:live');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^treekeeper: there is nothing at .* in latest of live\n.*`treekeeper ls latest --store live`/,
    );
  }
  expect((await space.run('restore', 'latest:app/s1', 'dir:live', '-n')).status).toBe(0);
});

test('a map that moves nothing is a mistake: its nodes would be created where they were', async () => {
  await using space = await lostTree();
  const mapped = (snapshot: string, map: string) => space.run('restore', snapshot, 'dir:live', '-n', '--map', map);
  for (const [snapshot = '', map = ''] of [
    ['latest', '/app=copy'],
    ['latest', 'app/s=copy'],
    ['latest:app/s1', 'app/s2=copy'],
  ]) {
    const { status, stdout, stderr } = await mapped(snapshot, map);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^treekeeper: --map .* moves nothing: no node is at or below /);
  }
  for (const [snapshot = '', map = ''] of [
    ['latest', 'app/s1/=copy'],
    ['latest:app/s1', 'app=copy'],
    ['latest:app', 'app/s1=copy'],
  ])
    expect((await mapped(snapshot, map)).stdout).toContain('+ create: copy');
});

test('it is finished where the reader of its output went away, as a head does', async () => {
  await using space = await lostTree();
  const args = [cli, 'restore', 'latest', 'dir:live', '--full'];
  const child = spawn(process.execPath, args, { cwd: space.path, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  child.stderr.destroy();
  // It says 3 of the node that differs, so it has come to its end.
  expect(await once(child, 'close')).toEqual([3, null]);
  expect(readdirSync(join(space.path, 'live/app/s2'))).toHaveLength(20);
});

test.skipIf(process.platform !== 'linux')('output that cannot be written is a failure that is told', async () => {
  await using space = await lostTree();
  const full = await finish(space.path, ['sh', '-c', `exec "$0" "$1" ls >/dev/full`, process.execPath, cli]);
  expect(full).toMatchObject({ status: 1, stderr: expect.stringContaining('cannot write to stdout: ENOSPC') });
});

test('without a terminal there is no question, unless a number was given', async () => {
  await using space = await lostTree();
  const { path, run } = space;
  const limited = await run('restore', 'latest', 'dir:live', '--confirm-above', '10');
  expect(limited).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') });
  writeFileSync(join(path, 'treekeeper.yaml'), 'version: 1\nconfirmAbove: 65\n');
  expect((await run('restore', 'latest', 'dir:live')).status).toBe(2);
  expect(readdirSync(join(path, 'live/app'))).toEqual(['motd']);

  const verified = await run('restore', 'latest:app/db', 'dir:live', '--verify');
  expect(verified).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^verify: equal \(3 equal, 0 missing, 0 differ\)$/m),
  });
  expect((await run('restore', 'latest', 'dir:live', '--yes')).stdout).toContain('restore: 63 created');
  expect((await run('restore', 'latest:app', 'dir:live', '--key', 'app')).status).toBe(2);
});

test('verify tells what is missing and what differs, and whether all is there', async () => {
  await using space = await workspace();
  const { path, run, write } = space;
  await run('backup', 'dir:live');
  const verdict = async (...args: string[]) => {
    const { status, stdout } = await run('verify', 'latest', 'dir:live', '--json', ...args);
    return [status, records(stdout).at(-1)];
  };
  expect(await verdict()).toEqual([
    0,
    { type: 'verify', verdict: 'equal', equal: 5, missing: 0, differs: 0, skipped: 0, unreadable: 0 },
  ]);
  write('app/beside', 'is not looked at');
  rmSync(join(path, 'live/app/db/url'));
  write('app/motd', 'edited');
  expect(await verdict()).toEqual([
    4,
    expect.objectContaining({ verdict: 'different', equal: 3, missing: 1, differs: 1 }),
  ]);
  expect(await verdict('--key', 'app/db/pool')).toEqual([0, expect.objectContaining({ verdict: 'equal', equal: 1 })]);
  expect(lines((await run('verify', 'latest', 'dir:live')).stdout)).toEqual([
    '- missing: app/db/url',
    '~ differs: app/motd',
    'verify: different (3 equal, 1 missing, 1 differ)',
  ]);
});
