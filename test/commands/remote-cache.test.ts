import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { expect, test } from 'vitest';
import { bareRemote } from '../servers/git-hosts.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { backupHost, git } from './backup-host.ts';
import { treekeeper } from './run.ts';

/** A remote with three snapshots, and somebody elsewhere who reads it by its URL. */
async function reading() {
  const host = await backupHost();
  const away = await temporaryDirectory();
  const hub = bareRemote(join(host.path, 'hub.git'));
  await host.run('remote', 'add', 'origin', hub);
  const push = async (value: string) => {
    host.write('app', value);
    expect((await host.run('backup', 'dir:live', '--push')).status).toBe(0);
  };
  for (const value of ['1', '2', '3']) await push(value);
  const caches = join(away.path, '.cache/treekeeper');
  return {
    host,
    hub,
    away: away.path,
    push,
    read: (...args: string[]) => treekeeper(away.path, [...args, '--repo', `file://${hub}`]),
    caches,
    cache: () => join(caches, readdirSync(caches)[0] ?? ''),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await away[Symbol.asyncDispose]();
    },
  };
}

test('every reading verb works straight from a URL, and only the cache is left behind', async () => {
  await using remote = await reading();
  const { read, push, away, cache } = remote;
  expect((await read('show', 'latest:app')).stdout).toBe('3');
  expect((await read('ls')).stdout).toBe('app\n');
  mkdirSync(join(away, 'target'));
  expect((await read('restore', 'latest', 'dir:target')).status).toBe(0);
  expect(readFileSync(join(away, 'target/app'), 'utf8')).toBe('3');
  expect(git(cache(), 'rev-list', '--count', 'main')).toBe('1');

  // Only now is more than the newest snapshot needed; and what came stays.
  expect((await read('log')).stdout.trimEnd().split('\n')).toHaveLength(3);
  expect((await read('diff')).stdout).toContain('-2');
  expect((await read('show', 'latest~2:app')).stdout).toBe('1');
  expect((await read('check')).status).toBe(0);
  await push('4');
  expect((await read('show', 'latest:app')).stdout).toBe('4');
  expect(git(cache(), 'rev-list', '--count', 'main')).toBe('5');
  expect(readdirSync(away).sort()).toEqual(['.cache', 'target']);
});

test('the branch that the remote calls its HEAD is read, whatever other ones are at the same commit', async () => {
  await using remote = await reading();
  const { read, hub, host, away } = remote;
  git(hub, 'branch', 'alpha', 'main');
  git(hub, 'branch', 'zeta', 'main');
  git(hub, 'symbolic-ref', 'HEAD', 'refs/heads/zeta');
  expect((await treekeeper(away, ['clone', `file://${hub}`])).stdout).toContain('cloned zeta of');
  git(hub, 'update-ref', 'refs/heads/zeta', 'main~1');
  expect((await read('show', 'latest:app')).stdout).toBe('2');
  // A host that was made for another branch than the one that is pushed.
  git(hub, 'symbolic-ref', 'HEAD', 'refs/heads/master');
  expect((await read('show', 'latest:app')).stdout).toBe('3');
  expect((await host.run('log', '--repo', 'file:///nowhere/x.git')).status).toBe(2);
});

test('many may read through one cache at the same time, from its first moment on', async () => {
  await using remote = await reading();
  const { read, caches } = remote;
  const verbs = [['ls'], ['log'], ['show', 'latest:app'], ['show', 'latest~2:app'], ['check'], ['diff']];
  const runs = await Promise.all(verbs.map((args) => read(...args, '-q')));
  expect(runs.map(({ status, stderr }) => ({ status, stderr }))).toEqual(runs.map(() => ({ status: 0, stderr: '' })));
  expect([runs[2]?.stdout, runs[3]?.stdout]).toEqual(['3', '1']);
  expect(readdirSync(caches).map(extname).sort()).toEqual(['.git', '.seen']);
});

test('a branch that was rewritten, and a history that was begun afresh, are read once that is said to be meant', async () => {
  await using remote = await reading();
  const { read, host, hub } = remote;
  expect((await read('show', 'latest:app')).stdout).toBe('3');
  git(hub, 'update-ref', 'refs/heads/main', 'main~1');
  expect(await read('show', 'latest:app')).toMatchObject({ status: 14, stdout: '' });
  expect((await read('show', 'latest:app', '--allow-other-history')).stdout).toBe('2');
  expect((await read('show', 'latest:app')).stdout).toBe('2');
  expect((await read('log')).stdout.trimEnd().split('\n')).toHaveLength(2);

  await host.run('archive');
  await host.run('remote', 'remove', 'origin');
  await host.run('remote', 'add', 'origin', hub);
  git(hub, 'update-ref', '-d', 'refs/heads/main');
  expect((await host.run('push')).status).toBe(0);
  expect((await read('log')).status).toBe(14);
  const log = await read('log', '--allow-other-history');
  expect(log.stdout.trimEnd().split('\n')).toHaveLength(1);
  expect((await read('show', 'latest:app')).stdout).toBe('3');
});

test('a cache that is damaged is made anew', async () => {
  await using remote = await reading();
  const { read, cache, caches } = remote;
  const answers = async () => expect(await read('show', 'latest~2:app')).toMatchObject({ status: 0, stdout: '1' });
  await answers();
  rmSync(join(cache(), 'HEAD'));
  await answers();
  writeFileSync(join(cache(), 'config'), '[core');
  await answers();
  writeFileSync(join(cache(), 'refs/heads/main'), 'x');
  await answers();
  const path = cache();
  rmSync(path, { recursive: true });
  writeFileSync(path, 'a file');
  await answers();

  // What no fetch looks at shows when it is read, and is gone by the next time.
  for (const name of readdirSync(join(cache(), 'objects/pack'))) {
    chmodSync(join(cache(), 'objects/pack', name), 0o600);
    truncateSync(join(cache(), 'objects/pack', name), 40);
  }
  expect(await read('show', 'latest~2:app')).toMatchObject({
    status: 5,
    stderr: expect.stringContaining('was thrown away: run it again'),
  });
  await answers();
  expect(readdirSync(caches).map(extname).sort()).toEqual(['.git', '.seen']);
});

test('a memory that is old, damaged or lost lets nothing be taken back as long as the cache is there', async () => {
  await using remote = await reading();
  const { read, push, hub, caches } = remote;
  const shown = async () => (await read('show', 'latest:app')).stdout;
  const memory = () => join(caches, readdirSync(caches).find((name) => name.endsWith('.seen')) ?? '');
  expect(await shown()).toBe('3');
  const old = readFileSync(memory());
  await push('4');
  expect(await shown()).toBe('4');
  const tip = git(hub, 'rev-parse', 'main');
  for (const content of [old, old.subarray(0, 20), Buffer.alloc(0), undefined]) {
    if (content) writeFileSync(memory(), content);
    else rmSync(memory());
    git(hub, 'update-ref', 'refs/heads/main', 'main~1');
    expect(await read('show', 'latest:app')).toMatchObject({ status: 14, stdout: '' });
    git(hub, 'update-ref', 'refs/heads/main', tip);
    expect(await shown()).toBe('4');
    expect(readFileSync(memory(), 'utf8')).toBe(`${tip}\n`);
  }

  // Of a commit from before those that the cache has.
  rmSync(caches, { recursive: true });
  expect(await shown()).toBe('4');
  writeFileSync(memory(), git(hub, 'rev-parse', 'main~3'));
  expect(await shown()).toBe('4');
});

test('a remote that cannot be read leaves the cache as it was, and a clone of it leaves nothing', async () => {
  await using remote = await reading();
  const { read, hub, away, cache } = remote;
  await read('log');
  const before = git(cache(), 'rev-parse', 'main');
  const value = git(hub, 'rev-parse', 'main:live/app');
  rmSync(join(hub, 'objects', value.slice(0, 2), value.slice(2)));
  expect((await treekeeper(away, ['clone', `file://${hub}`])).status).toBe(1);
  expect(readdirSync(away)).toEqual(['.cache']);
  rmSync(hub, { recursive: true });
  mkdirSync(hub);
  expect((await read('log')).status).toBe(1);
  expect(git(cache(), 'rev-parse', 'main')).toBe(before);
});

test('only what reads takes a URL for the repository', async () => {
  await using host = await backupHost();
  const { path, run } = host;
  const url = 'ssh://git@127.0.0.1:1/x.git';
  for (const args of [
    ['backup', 'dir:live'],
    ['init'],
    ['push'],
    ['fetch'],
    ['archive'],
    ['maintenance'],
    ['remote', 'add', 'a', 'live'],
  ]) {
    expect({ args, ...(await run(...args, '--repo', url)) }).toMatchObject({
      args,
      status: 2,
      stderr: expect.stringContaining('is the URL of a remote'),
    });
  }
  expect(readdirSync(path)).toEqual(['live']);
});
