import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { treekeeper } from './run.ts';
import { lines, records, workspace } from './workspace.ts';

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

test('latest is of the store of a service that the configuration names beside it', async () => {
  await using space = await workspace();
  const { path, run, write } = space;
  mkdirSync(join(path, 'other'));
  writeFileSync(join(path, 'other/x'), 'x');
  writeFileSync(
    join(path, 'treekeeper.yaml'),
    'version: 1\nstores:\n  live: { service: "dir:live" }\n  other: { service: "dir:other" }\n',
  );
  for (const store of ['live', 'other']) await run('backup', store);
  write('app/motd', 'edited\n');
  expect(lines((await run('diff', 'latest', 'live', '--name-only')).stdout)).toEqual(['~ app/motd']);
  expect((await run('diff', 'live')).stderr).toMatch(/^live \(live\) → live at /);
  expect((await run('diff', 'latest', 'other')).stdout).toBe('0 added, 0 changed, 0 removed\n');
});

test('a HEAD without a snapshot, as git makes it in a remote, is told with the branches there are', async () => {
  await using space = await workspace();
  const { run, git } = space;
  await run('backup', 'dir:live');
  git('symbolic-ref', 'HEAD', 'refs/heads/master');
  const { status, stderr } = await run('restore', 'latest', 'dir:live');
  expect([status, stderr]).toEqual([2, expect.stringContaining('there are other branches: main; name one')]);
  expect((await run('restore', 'main', 'dir:live')).status).toBe(0);
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
    expect(help.stdout).toMatch(new RegExp(`^ +${verb} `, 'm'));
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
