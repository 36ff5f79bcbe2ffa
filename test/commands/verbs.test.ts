import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../servers/process.ts';
import { treekeeper } from './run.ts';

/** A directory with a small tree in `live`, and everything a test needs to use treekeeper in it. */
async function workspace() {
  const directory = await temporaryDirectory();
  const { path } = directory;
  const write = (name: string, content: string | Uint8Array) => {
    mkdirSync(join(path, 'live', name, '..'), { recursive: true });
    writeFileSync(join(path, 'live', name), content);
  };
  write('app/db/url', 'postgres://db1\n');
  write('app/db/pool', 'max: 10\n');
  write('app/motd', 'hello\n');
  return {
    path,
    write,
    run: (...args: string[]) => treekeeper(path, args),
    git: (...args: string[]) => execFileSync('git', ['-C', join(path, 'snapshots.git'), ...args], { encoding: 'utf8' }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const lines = (text: string) => text.trimEnd().split('\n');
const records = (text: string) => lines(text).map((line) => JSON.parse(line));

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
  expect(told.map(({ type }) => type)).toEqual(['identity', 'latency', 'read', 'skipped', 'restore']);
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

test('the configuration names stores, and says where a mistake is', async () => {
  await using space = await workspace();
  const { path, run } = space;
  writeFileSync(
    join(path, 'treekeeper.yaml'),
    'version: 1\nrepository: repo.git\nstores:\n  shop: { service: "dir:live", exclude: ["app/motd"] }\n',
  );
  expect((await run('backup', 'shop')).stdout).toMatch(/^shop: 4 added/);
  expect(statSync(join(path, 'repo.git')).isDirectory()).toBe(true);
  mkdirSync(join(path, 'below'));
  expect((await treekeeper(join(path, 'below'), ['backup', 'shop'])).stdout).toContain('shop: no change');
  expect(await run('backup', 'shpo')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('the stores of the configuration are: shop'),
  });

  writeFileSync(join(path, 'treekeeper.yaml'), 'version: 1\nstorse: {}\n');
  expect(await run('log')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('treekeeper.yaml:2:1: the configuration has the unknown field storse'),
  });
  expect((await run('log', '--config', 'nowhere.yaml')).status).toBe(2);
});

test('several stores share a branch, and each is found by its name', async () => {
  await using space = await workspace();
  const { run, write, git } = space;
  await run('backup', 'dir:live', '--store', 'one');
  await run('backup', 'dir:live', '--store', 'two');
  write('app/motd', 'changed\n');
  await run('backup', 'dir:live', '--store', 'two');
  expect(await run('ls')).toMatchObject({ status: 2, stderr: expect.stringContaining('--store: one, two') });
  expect((await run('show', 'latest:app/motd', '--store', 'one')).stdout).toBe('hello\n');
  expect((await run('show', 'latest:app/motd', '--store', 'two')).stdout).toBe('changed\n');
  expect(lines((await run('log', '--store', 'one')).stdout).length).toBe(1);
  expect(git('rev-parse', 'main~1:one')).toBe(git('rev-parse', 'main~1:two'));
});

test('revisions as Git names them', async () => {
  await using space = await workspace();
  const { run, write, git } = space;
  await run('backup', 'dir:live');
  git('tag', '-a', '-m', 'x', 'before');
  write('app/motd', 'two\n');
  await run('backup', 'dir:live');
  const id = git('rev-parse', '--short', 'main~1').trim();
  for (const name of ['latest~1', 'main~1', 'main^', 'before', 'HEAD~', id, '@{2999-01-01}~1', `${id}:`]) {
    expect((await run('show', `${name.replace(/:$/, '')}:app/motd`)).stdout).toBe('hello\n');
  }
  for (const name of ['nowhere', 'main~9', '@{2001-01-01}', '--all', '-x', '0123456', '@{soon}']) {
    const { status, stdout } = await run('show', `--`, `${name}:app/motd`);
    expect({ name, status, stdout }).toEqual({ name, status: 2, stdout: '' });
  }
});

test('help and version answer, and what is not understood goes to stderr with exit code 2', async () => {
  await using space = await workspace();
  const { run } = space;
  expect((await run('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const help = await run('--help');
  expect(help.status).toBe(0);
  for (const verb of ['backup', 'restore', 'diff', 'log', 'ls', 'show', 'dump', 'check', 'init']) {
    expect(help.stdout).toContain(`treekeeper ${verb}`);
    const own = await run(verb, '--help');
    expect(own).toMatchObject({ status: 0, stdout: expect.stringContaining('Exit status') });
  }
  for (const args of [
    ['backpu'],
    ['backup'],
    ['backup', 'dir:live', '--no-such-flag'],
    ['restore', 'latest'],
    ['show', 'latest'],
  ]) {
    const { status, stdout, stderr } = await run(...args);
    expect({ args, status, stdout }).toEqual({ args, status: 2, stdout: '' });
    expect(stderr).not.toBe('');
  }
});

test('JSON on every verb is lines with a type, and errors have their code', async () => {
  await using space = await workspace();
  const { run, write } = space;
  expect(records((await run('backup', 'dir:live', '--json')).stdout).map(({ type }) => type)).toEqual(['backup']);
  write('app/new', '1');
  const all = [
    ['backup', 'dir:live', '-n'],
    ['diff', 'latest', 'dir:live'],
    ['log'],
    ['ls'],
    ['ls', '-l'],
    ['dump', 'dir:live'],
    ['check'],
  ];
  for (const args of all)
    for (const record of records((await run(...args, '--json')).stdout)) expect(record.type).toMatch(/^[a-z]+$/);
  rmSync(join(space.path, 'live/app/motd'));
  const restored = records((await run('restore', 'latest', 'dir:live', '--json')).stdout);
  expect(restored.filter(({ type }) => type === 'outcome')).toEqual([
    { type: 'outcome', key: 'app/motd', status: 'created' },
  ]);
  const failed = await run('show', 'latest:nothing', '--json');
  expect(records(failed.stdout)).toEqual([expect.objectContaining({ type: 'error', code: 'usage', exit: 2 })]);
});

test('check finds what is damaged', async () => {
  await using space = await workspace();
  const { path, run, git } = space;
  await run('backup', 'dir:live');
  expect(await run('check')).toMatchObject({ status: 0, stdout: 'live: 5 nodes, all sound\n' });

  const oid = git('rev-parse', 'main:live/app/db/url').trim();
  const packs = join(path, 'snapshots.git/objects/pack');
  for (const name of execFileSync('ls', [packs], { encoding: 'utf8' }).trim().split('\n')) {
    if (!name.endsWith('.pack')) continue;
    const content = readFileSync(join(packs, name));
    rmSync(join(packs, name));
    rmSync(join(packs, name.replace('.pack', '.idx')));
    execFileSync('git', ['-C', join(path, 'snapshots.git'), 'unpack-objects', '-q'], { input: content });
  }
  const file = join(path, 'snapshots.git/objects', oid.slice(0, 2), oid.slice(2));
  chmodSync(file, 0o644);
  const content = readFileSync(file);
  content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
  writeFileSync(file, content);
  const { status, stdout } = await run('check');
  expect(status).toBe(5);
  expect(stdout).toContain(oid);
  expect((await run('show', 'latest:app/db/url')).status).toBe(5);
  rmSync(join(path, 'live/app'), { recursive: true });
  expect((await run('restore', 'latest', 'dir:live')).status).toBe(5);
  expect(lines((await run('dump', 'dir:live')).stdout)).toEqual(['']);
});

test('without a git binary everything can be looked at and restored, and nothing written', async () => {
  await using space = await workspace();
  const { path } = space;
  await space.run('backup', 'dir:live');
  const bare = (...args: string[]) => treekeeper(path, args, { TREEKEEPER_NO_GIT: '1' });
  expect(lines((await bare('ls')).stdout).length).toBe(5);
  expect((await bare('show', 'latest:app/motd')).stdout).toBe('hello\n');
  expect((await bare('log')).status).toBe(0);
  expect((await bare('diff', 'latest', 'dir:live', '--exit-code')).status).toBe(0);
  expect(await bare('check')).toMatchObject({ status: 0, stderr: expect.stringContaining('no git binary') });
  rmSync(join(path, 'live'), { recursive: true });
  expect((await bare('restore', 'latest', 'dir:live')).status).toBe(0);
  expect(readFileSync(join(path, 'live/app/db/url'), 'utf8')).toBe('postgres://db1\n');
  expect(await bare('backup', 'dir:live')).toMatchObject({ status: 1, stderr: expect.stringContaining('git') });
});

test('what is no repository of ours is told apart', async () => {
  await using space = await workspace();
  const { path, run } = space;
  expect((await run('log')).status).toBe(10);
  writeFileSync(join(path, 'file'), '');
  expect((await run('log', '--repo', 'file')).status).toBe(10);
  mkdirSync(join(path, 'full'));
  writeFileSync(join(path, 'full/x'), '');
  expect((await run('log', '--repo', 'full')).status).toBe(10);
  for (const args of [['backup', 'dir:live'], ['init']]) {
    expect((await run(...args, '--repo', 'full')).status).toBe(1);
    expect(readdirSync(join(path, 'full'))).toEqual(['x']);
  }
  execFileSync('git', ['init', '-q', '--bare', '--object-format=sha256', join(path, 'sha256.git')]);
  expect(await run('backup', 'dir:live', '--repo', 'sha256.git')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('objectformat = sha256'),
  });
  expect((await run('init', '--repo', 'new.git')).status).toBe(0);
  expect(await run('log', '--repo', 'new.git')).toMatchObject({ status: 0, stdout: '' });
  expect(await run('ls', '--repo', 'new.git')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no snapshot yet'),
  });
});

test('a store of a newer format, and one that nobody wrote so, are refused', async () => {
  await using space = await workspace();
  const { path, run } = space;
  await run('backup', 'dir:live');
  const clone = join(path, 'clone');
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', clone, '-c', 'user.name=x', '-c', 'user.email=x@x', ...args]);
  execFileSync('git', ['clone', '-q', join(path, 'snapshots.git'), clone]);
  const manifest = join(clone, 'live/%store.json');
  const original = readFileSync(manifest, 'utf8');

  writeFileSync(manifest, original.replace('"format": 1', '"format": 2'));
  git('commit', '-qam', 'newer');
  expect(await run('ls', '--repo', clone)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('upgrade treekeeper'),
  });
  expect((await run('backup', 'dir:live', '--repo', clone)).status).toBe(1);

  writeFileSync(manifest, original);
  writeFileSync(join(clone, 'live/needless%41'), 'x');
  git('add', '.');
  git('commit', '-qm', 'a name that no encoder makes');
  for (const args of [['ls'], ['restore', 'latest', 'dir:live'], ['check']])
    expect((await run(...args, '--repo', clone)).status).toBe(5);
});

test('a service that cannot be reached, is not known or is not named right, each with its exit code', async () => {
  await using space = await workspace();
  const { path, run } = space;
  const nobody = await run('backup', 'etcd://127.0.0.1:1', '--timeout', '2');
  expect(nobody).toMatchObject({ status: 15, stdout: '' });
  expect(nobody.stderr).toMatch(/treekeeper: etcd at 127\.0\.0\.1:1 refuses the connection\n {2}hint: /);
  expect((await run('dump', 'dir:nowhere')).status).toBe(15);
  expect(await run('backup', 'zk://h')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('zk://h is no service'),
  });
  const secret = await run('backup', 'etcd://root:hunter2@h');
  expect(secret.status).toBe(2);
  expect(secret.stderr).not.toContain('hunter2');
  expect((await run('backup', 'dir:live', '--store', '../x')).status).toBe(2);
  expect((await run('backup', 'dir:live', '--ephemeral', 'maybe')).status).toBe(2);
  expect((await run('restore', 'latest', 'dir:live', '--map', 'nothing')).status).toBe(2);
  const missing = { ETCDCTL_CACERT: '/nowhere/ca.pem' };
  const noCa = await treekeeper(path, ['backup', 'etcd+tls://h'], missing);
  expect(noCa).toMatchObject({ status: 2, stderr: expect.stringContaining('/nowhere/ca.pem') });
});

test('a repository with a work tree: the files follow where nothing local stands in the way', async () => {
  await using space = await workspace();
  const { path, run, write } = space;
  const checkout = join(path, 'checkout');
  execFileSync('git', ['init', '-q', '-b', 'main', checkout]);
  expect(await run('backup', 'dir:live', '--repo', 'checkout')).toMatchObject({ status: 0, stderr: '' });
  expect(readFileSync(join(checkout, 'live/app/motd'), 'utf8')).toBe('hello\n');

  writeFileSync(join(checkout, 'live/app/motd'), 'a local change\n');
  write('app/motd', 'changed\n');
  const { status, stderr } = await run('backup', 'dir:live', '--repo', 'checkout');
  expect(status).toBe(0);
  expect(stderr).toContain(checkout);
  expect(readFileSync(join(checkout, 'live/app/motd'), 'utf8')).toBe('a local change\n');
  expect((await run('show', 'latest:app/motd', '--repo', 'checkout')).stdout).toBe('changed\n');
});
