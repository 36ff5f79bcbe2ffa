import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bareRemote } from '../servers/git-hosts.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { backupHost, git, subjects } from './backup-host.ts';
import { records } from './workspace.ts';

test.each([
  [6, 1, 5],
  [12, 2, 1],
])(
  '%i hosts with %i stores each, one branch, %i rounds: nothing is lost or merged, and ids stay',
  async (count, stores, rounds) => {
    await using directory = await temporaryDirectory();
    const hub = bareRemote(join(directory.path, 'hub.git'));
    const hosts = await Promise.all(Array.from({ length: count }, () => backupHost()));
    const all = hosts.flatMap((host, number) =>
      Array.from({ length: stores }, (_, index) => ({ host, store: `host${number}-${index}` })),
    );
    const values = Array.from({ length: rounds }, (_, round) => `round ${round}`);
    try {
      await Promise.all(
        hosts.map(async (host) => {
          await host.run('remote', 'add', 'origin', hub);
          for (const value of values) {
            host.write('app', value);
            for (const { store } of all.filter((one) => one.host === host)) {
              const { status, stdout, stderr } = await host.run('backup', 'dir:live', '--store', store, '--push');
              expect(`${status} ${stderr}`).toBe('0 ');
              const id = /snapshot ([0-9a-f]{10}) /.exec(stdout)?.[1] ?? '';
              expect(host.git('rev-parse', '--short=10', 'main')).toBe(id);
            }
          }
        }),
      );
      expect(git(hub, 'rev-list', '--min-parents=2', '--count', 'main')).toBe('0');
      expect(git(hub, 'fsck', '--strict', '--no-dangling')).toBe('');
      expect(subjects(hub)).toHaveLength(1 + count * stores * rounds);
      for (const { store } of all) {
        const commits = git(hub, 'log', '--reverse', '--format=%H', 'main', '--', store).split('\n');
        expect(commits.map((commit) => git(hub, 'show', `${commit}:${store}/app`))).toEqual(values);
      }
    } finally {
      await Promise.all(hosts.map((host) => host[Symbol.asyncDispose]()));
    }
  },
  120_000,
);

test('remotes of the configuration are for its repository, and another one is pushed there only where it is said', async () => {
  await using host = await backupHost();
  const { path, run } = host;
  bareRemote(join(path, 'hub.git'));
  const remotes = 'remotes:\n  - { name: hub, url: ./hub.git, push: true, unencrypted: accepted }\n';
  writeFileSync(join(path, 'treekeeper.yaml'), `version: 1\nrepository: own.git\n${remotes}`);
  expect(await run('backup', 'dir:live', '--repo', 'other.git')).toMatchObject({ status: 0 });
  expect(git(join(path, 'hub.git'), 'for-each-ref')).toBe('');
  expect(await run('backup', 'dir:live', '--repo', './own.git')).toMatchObject({ status: 0 });
  expect(git(join(path, 'hub.git'), 'for-each-ref')).toContain('refs/heads/main');
  expect(await run('remote', 'remove', 'hub')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('one of the configuration'),
  });
});

test('several remotes: one that fails does not stop the other, and gets everything later', async () => {
  await using host = await backupHost();
  const { path, run, write } = host;
  const good = bareRemote(join(path, 'good.git'));
  const bad = bareRemote(join(path, 'bad.git'), 'closed on Sundays');
  await run('remote', 'add', 'bad', './bad.git');
  await run('remote', 'add', 'good', './good.git');

  const first = await run('backup', 'dir:live', '--push');
  expect(first.status).toBe(6);
  expect(first.stderr).toContain(
    `the remote bad: ${bad} refuses the push: pre-receive hook declined; closed on Sundays`,
  );
  expect(first.stdout).toContain(`pushed 2 commits to good (${good})`);
  expect(subjects(good)).toHaveLength(2);

  write('app', 'two\n');
  await run('backup', 'dir:live');
  expect((await run('remote', 'list')).stdout).toBe(`bad (${bad}): lacks 3 commits\ngood (${good}): lacks 1 commit\n`);
  writeFileSync(join(bad, 'hooks/pre-receive'), '#!/bin/sh\nexit 0\n');
  expect(await run('push')).toMatchObject({ status: 0, stderr: '' });
  expect(git(bad, 'rev-parse', 'main')).toBe(git(good, 'rev-parse', 'main'));
  expect(
    (await run('push', '--json')).stdout
      .split('\n')
      .slice(0, 2)
      .map((line) => JSON.parse(line).status),
  ).toEqual(['up-to-date', 'up-to-date']);
});

test('a remote that is set up wrongly is the trouble of that remote alone', async () => {
  await using host = await backupHost();
  const { path, run } = host;
  const good = bareRemote(join(path, 'good.git'));
  bareRemote(join(path, 'unplugged.git'));
  await run('remote', 'add', 'good', './good.git');
  await run('remote', 'add', 'unplugged', './unplugged.git');
  rmSync(join(path, 'unplugged.git'), { recursive: true });
  writeFileSync(
    join(path, 'treekeeper.yaml'),
    `version: 1
remotes:
  - { name: token, url: "https://127.0.0.1:1/x.git", tokenFile: nowhere }
  - { name: secret, url: "https://user:hunter2@127.0.0.1:1/x.git" }
  - { name: helper, url: "ext::sh -c true" }
`,
  );
  const { status, stdout, stderr } = await run('backup', 'dir:live', '--push', '--json');
  expect({ status, pushed: git(good, 'rev-parse', 'main') }).toEqual({
    status: 6,
    pushed: host.git('rev-parse', 'main'),
  });
  const pushes = records(stdout).filter(({ type }) => type === 'push');
  expect(pushes.map(({ remote, status }) => `${remote} ${status}`)).toEqual([
    'good pushed',
    'helper failed',
    'secret failed',
    'token failed',
    'unplugged failed',
  ]);
  for (const name of ['token', 'secret', 'helper', 'unplugged']) expect(stderr).toContain(`the remote ${name}: `);
  expect(stdout + stderr).not.toContain('hunter2');

  expect(await run('remote', 'list')).toMatchObject({ status: 2, stdout: `good (${good}): has everything\n` });
  expect(await run('remote', 'test')).toMatchObject({ status: 6, stdout: expect.stringContaining('good (') });
  expect((await run('push', 'good')).status).toBe(0);
  expect((await run('remote', 'remove', 'unplugged')).status).toBe(0);
});

test('a push with nothing to push, or nowhere to push to, is told before anything is done', async () => {
  await using host = await backupHost();
  const { path, run } = host;
  expect(await run('backup', 'dir:live', '--push')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('there is no remote'),
  });
  bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', './hub.git');
  expect(await run('push', '--branch', 'other')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no snapshot yet'),
  });
});

test('a remote that lost its history, or went back, gets what it lacks, and never less', async () => {
  await using host = await backupHost();
  const { path, run, write } = host;
  const hub = bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', hub);
  for (const value of ['1', '2', '3']) {
    write('app', value);
    await run('backup', 'dir:live', '--push');
  }
  git(hub, 'update-ref', 'refs/heads/main', 'main~2');
  expect((await run('push')).status).toBe(0);
  expect(git(hub, 'rev-parse', 'main')).toBe(host.git('rev-parse', 'main'));

  git(hub, 'update-ref', '-d', 'refs/heads/main');
  expect((await run('push')).status).toBe(0);
  expect(git(hub, 'rev-parse', 'main')).toBe(host.git('rev-parse', 'main'));
});

test('a clone carries on, follows what others did, and is read without one', async () => {
  await using first = await backupHost();
  await using second = await backupHost({ XDG_CACHE_HOME: '/nowhere' });
  const hub = bareRemote(join(first.path, 'hub.git'));
  await first.run('remote', 'add', 'origin', hub);
  await first.run('backup', 'dir:live', '--push');

  const url = `file://${hub}`;
  expect((await second.run('clone', url)).stdout).toBe(
    `cloned main of origin (${hub}) into ${join(second.path, 'snapshots.git')}\n`,
  );
  expect(second.git('rev-parse', 'main')).toBe(first.git('rev-parse', 'main'));
  first.write('app', 'two\n');
  await first.run('backup', 'dir:live', '--push');
  expect((await second.run('fetch')).stdout).toBe(`fetched 1 commit from origin (${hub})\n`);
  expect(second.git('show', 'main:live/app')).toBe('two');

  await second.run('backup', 'dir:live', '--store', 'other');
  first.write('app', 'three\n');
  await first.run('backup', 'dir:live', '--push');
  expect((await second.run('fetch', 'origin')).stdout).toContain('theirs are at origin/main');
  expect((await second.run('show', 'origin/main:app', '--store', 'live')).stdout).toBe('three\n');
});

test('a push counts only where the branch of the remote is there afterwards', async () => {
  await using host = await backupHost();
  const hub = bareRemote(join(host.path, 'hub.git'));
  await host.run('remote', 'add', 'origin', hub);
  await host.run('backup', 'dir:live', '--push');
  host.write('app', 'two');
  const hook = join(hub, 'hooks/post-receive');
  writeFileSync(hook, '#!/bin/sh\ngit update-ref refs/heads/main main~1\n', { mode: 0o755 });
  expect(await host.run('backup', 'dir:live', '--push')).toMatchObject({
    status: 6,
    stderr: expect.stringContaining('took the push, and its branch is not there'),
  });
  rmSync(hook);
  expect((await host.run('push')).status).toBe(0);
  expect(git(hub, 'rev-parse', 'main')).toBe(host.git('rev-parse', 'main'));
});

test('a push whose answer got lost, and a remote that was forgotten and added anew, put nothing there twice', async () => {
  await using first = await backupHost();
  await using second = await backupHost();
  const hub = bareRemote(join(first.path, 'hub.git'));
  await first.run('remote', 'add', 'origin', hub);
  await first.run('backup', 'dir:live', '--push');

  const { run, write } = second;
  await run('remote', 'add', 'origin', hub);
  for (const value of ['1', '2', '3']) {
    write('app', value);
    await run('backup', 'dir:live', '--store', 'b');
  }
  // The host dies when its branch has moved, before it says so.
  const hook = join(hub, 'hooks/reference-transaction');
  writeFileSync(hook, '#!/bin/sh\n[ "$1" = committed ] && kill -9 $PPID\nexit 0\n', { mode: 0o755 });
  expect((await run('push')).status).toBe(6);
  rmSync(hook);
  const history = () => git(hub, 'log', '--reverse', '--format=%H', 'main', '--', 'b').split('\n');
  const values = async () => history().map((commit) => git(hub, 'show', `${commit}:b/app`));
  expect(await values()).toEqual(['1', '2', '3']);
  expect((await run('push')).status).toBe(0);
  expect(await values()).toEqual(['1', '2', '3']);

  await run('remote', 'remove', 'origin');
  await run('remote', 'add', 'hub', hub);
  write('app', '4');
  expect((await run('backup', 'dir:live', '--store', 'b', '--push')).status).toBe(0);
  expect(await values()).toEqual(['1', '2', '3', '4']);
});

test('locks that a killed push left, here and in a directory that is pushed to, stop no other', async () => {
  await using host = await backupHost();
  const hub = bareRemote(join(host.path, 'hub.git'));
  await host.run('remote', 'add', 'origin', hub);
  await host.run('backup', 'dir:live', '--push');
  host.write('app', 'two\n');
  const locks = [
    join(hub, 'refs/heads/main.lock'),
    ...['remotes', 'treekeeper/seen', 'treekeeper/reached', 'treekeeper/pushed'].map((kind) =>
      join(host.path, `snapshots.git/refs/${kind}/origin/main.lock`),
    ),
  ];
  const before = new Date(Date.now() - 11_000);
  for (const lock of locks) {
    writeFileSync(lock, '');
    utimesSync(lock, before, before);
  }
  expect(await host.run('backup', 'dir:live', '--push')).toMatchObject({ status: 0, stderr: '' });
  expect(git(hub, 'rev-parse', 'main')).toBe(host.git('rev-parse', 'main'));
  expect(locks.filter((lock) => existsSync(lock))).toEqual([]);
});

const damages: { readonly [how: string]: (ref: string) => string } = {
  empty: () => '',
  'cut off': (ref) => ref.slice(0, 20),
  'no commit': () => `${'1234567890'.repeat(4)}\n`,
};

test('what is known of a remote costs nothing but time where it is damaged', async () => {
  await using host = await backupHost();
  const { path, run, write, git: own } = host;
  const hub = bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', hub);
  await run('backup', 'dir:live', '--push');
  for (const place of ['remotes', 'treekeeper/reached', 'treekeeper/pushed']) {
    for (const [how, change] of Object.entries(damages)) {
      const ref = join(path, `snapshots.git/refs/${place}/origin/main`);
      writeFileSync(ref, change(readFileSync(ref, 'utf8')));
      write('app', `${place} ${how}`);
      expect((await run('status')).stdout).toMatch(/has everything|lacks \d+ commits/);
      const { status, stdout } = await run('backup', 'dir:live', '--push');
      expect([status, stdout]).toEqual([0, expect.stringContaining('pushed 1 commit to')]);
      expect(git(hub, 'rev-parse', 'main')).toBe(own('rev-parse', 'main'));
    }
  }
  expect((await run('check')).status).toBe(0);

  // It does not stop what concerns another remote either, and goes with the remote.
  const other = bareRemote(join(path, 'other.git'));
  await run('remote', 'add', 'other', other);
  await run('push', 'other');
  writeFileSync(join(path, 'snapshots.git/refs/treekeeper/reached/other/main'), damages['no commit']?.('') ?? '');
  writeFileSync(join(path, 'snapshots.git/refs/treekeeper/seen/other/main'), '');
  expect((await run('fetch', 'origin')).status).toBe(0);
  await run('remote', 'remove', 'other');
  await run('remote', 'add', 'other', other);
  expect((await run('push', 'other')).stdout).toContain('is up to date');
});

test('what was seen last at a remote is asked for where it is damaged: nothing is taken back meanwhile', async () => {
  await using host = await backupHost();
  const { path, run, write } = host;
  const hub = bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', hub);
  const ref = join(path, 'snapshots.git/refs/treekeeper/seen/origin/main');
  for (const change of Object.values(damages)) {
    write('app', 'one');
    await run('backup', 'dir:live', '--push');
    writeFileSync(ref, change(readFileSync(ref, 'utf8')));
    const refused = expect.stringMatching(/seen\/origin\/main is damaged: .*\n.*hint: .*--allow-other-history/);
    expect(await run('fetch')).toMatchObject({ status: 5, stdout: '', stderr: refused });
    write('app', 'two');
    const tip = git(hub, 'rev-parse', 'main');
    expect(await run('backup', 'dir:live', '--push')).toMatchObject({ status: 6, stderr: refused });
    expect(git(hub, 'rev-parse', 'main')).toBe(tip);
    expect((await run('fetch', '--allow-other-history')).status).toBe(0);
    expect((await run('push')).stdout).toContain('pushed 1 commit to');
  }
  expect((await run('check')).status).toBe(0);
});

test('where two hosts back up the same store, the newest snapshot on the remote is what was found last', async () => {
  await using a = await backupHost();
  await using b = await backupHost();
  const hub = bareRemote(join(a.path, 'hub.git'));
  const seen = () => git(hub, 'show', 'main:live/app');
  for (const host of [a, b]) await host.run('remote', 'add', 'origin', hub);
  await a.run('backup', 'dir:live', '--push');
  b.write('app', 'two\n');
  await b.run('backup', 'dir:live', '--push');
  expect(seen()).toBe('two');

  // The value is back, and the other host is gone: ours has nothing new to push, and what is there is not what is so.
  expect(await a.run('backup', 'dir:live', '--push')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/no change.*pushed 1 commit/s),
  });
  expect(seen()).toBe('one');
  expect(subjects(hub)[0]).toBe('live: 0 added, 1 changed, 0 removed (1 nodes)');
  expect((await a.run('backup', 'dir:live', '--push')).stdout).toContain('is up to date');

  // A host that leaves something out has another store: they do not push each other away.
  b.write('app', 'one\n');
  expect((await b.run('backup', 'dir:live', '--exclude', 'x', '--push')).status).toBe(0);
  const tip = git(hub, 'rev-parse', 'main');
  expect((await a.run('backup', 'dir:live', '--push')).stdout).toContain('is up to date');
  expect(git(hub, 'rev-parse', 'main')).toBe(tip);
});

test('the archive keeps the whole history, the branch begins anew, and remotes go on', async () => {
  await using host = await backupHost();
  const { path, run, write, git: own } = host;
  const hub = bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', hub);
  for (const value of ['1', '2', '3']) {
    write('app', value);
    await run('backup', 'dir:live', '--push');
  }
  const before = own('rev-parse', 'main');
  const { stdout } = await run('archive');
  const ref = /is at (refs\/archive\/main-\d{4}-\d\d-\d\d);/.exec(stdout)?.[1] ?? '';
  expect(own('rev-parse', ref)).toBe(before);
  expect(own('rev-parse', 'main^{tree}')).toBe(own('rev-parse', `${before}^{tree}`));
  expect(own('rev-list', '--count', 'main')).toBe('2');

  // The guards still know what the store was made from.
  expect((await run('backup', 'dir:live')).stdout).toContain('no change');
  mkdirSync(join(path, 'other'));
  writeFileSync(join(path, 'other/app'), 'x');
  expect((await run('backup', 'dir:other', '--store', 'live')).status).toBe(16);
  write('app', '4');
  expect((await run('backup', 'dir:live', '--push')).status).toBe(0);
  expect(subjects(hub)).toHaveLength(5);
  expect((await run('maintenance')).stdout).toMatch(/^\d+ packs of .* became 1 of /);
  expect(own('fsck', '--strict')).toBe('');

  // The history before is read where it is kept, until it is dropped here.
  expect((await run('show', `${ref}~1:app`)).stdout).toBe('2');
  expect((await run('log', '--at', ref)).stdout.trimEnd().split('\n')).toHaveLength(3);
  mkdirSync(join(path, 'target'));
  expect((await run('restore', `${ref}~2`, 'dir:target')).status).toBe(0);
  const shelf = bareRemote(join(path, 'shelf.git'));
  own('push', '--quiet', shelf, `${ref}:${ref}`);
  expect(git(shelf, 'rev-parse', ref)).toBe(before);
  own('update-ref', '-d', ref);
  await run('remote', 'remove', 'origin');
  expect((await run('maintenance', '--prune')).status).toBe(0);
  expect(() => own('cat-file', '-e', before)).toThrow();
  expect((await run('diff', 'latest~1', 'latest')).stdout).toContain('+4');
  expect((await run('check')).status).toBe(0);
});
