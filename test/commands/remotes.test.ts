import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../servers/binaries.ts';
import {
  bareRemote,
  type HttpHost,
  hasSshd,
  type SshHost,
  startGitDaemon,
  startHttpHost,
  startSshHost,
} from '../servers/git-hosts.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { treekeeper } from './run.ts';

const token = 'canary-7c1f0e/+secret';

/** A host with a directory to back up, and a repository of its own. */
async function backupHost(env: { readonly [name: string]: string } = {}) {
  const directory = await temporaryDirectory();
  const { path } = directory;
  mkdirSync(join(path, 'live'));
  const write = (name: string, content: string) => writeFileSync(join(path, 'live', name), content);
  write('app', 'one\n');
  return {
    path,
    write,
    run: (...args: string[]) => treekeeper(path, args, env),
    git: (...args: string[]) => git(join(path, 'snapshots.git'), ...args),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

function git(path: string, ...args: string[]): string {
  return execFileSync('git', ['-C', path, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd();
}

const subjects = (path: string, branch = 'main') => git(path, 'log', '--format=%s', branch).split('\n');

test.each([
  [6, 1, 10],
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

test('several remotes: one that fails does not stop the other, and gets everything later', async () => {
  await using host = await backupHost();
  const { path, run, write } = host;
  const good = bareRemote(join(path, 'good.git'));
  const bad = bareRemote(join(path, 'bad.git'), 'closed on Sundays');
  await run('remote', 'add', 'bad', './bad.git');
  await run('remote', 'add', 'good', './good.git');

  const first = await run('backup', 'dir:live', '--push');
  expect(first.status).toBe(6);
  expect(first.stderr).toContain(`${bad} refuses the push: pre-receive hook declined; closed on Sundays`);
  expect(first.stdout).toContain(`pushed 2 commits to good (${good})`);
  expect(subjects(good)).toHaveLength(2);

  write('app', 'two\n');
  await run('backup', 'dir:live');
  expect((await run('remote', 'list')).stdout).toBe(`bad (${bad}): lacks 3 commits\ngood (${good}): lacks 1 commits\n`);
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
  expect((await second.run('fetch')).stdout).toBe(`fetched 1 commits from origin (${hub})\n`);
  expect(second.git('show', 'main:live/app')).toBe('two');

  await second.run('backup', 'dir:live', '--store', 'other');
  first.write('app', 'three\n');
  await first.run('backup', 'dir:live', '--push');
  expect((await second.run('fetch', 'origin')).stdout).toContain('theirs are at origin/main');
  expect((await second.run('show', 'origin/main:app', '--store', 'live')).stdout).toBe('three\n');
});

test('every reading verb works straight from a URL, out of a cache', async () => {
  await using host = await backupHost();
  const { path, run, write } = host;
  const hub = bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', hub);
  for (const value of ['1', '2', '3']) {
    write('app', value);
    await run('backup', 'dir:live', '--push');
  }
  await using away = await temporaryDirectory();
  const read = (...args: string[]) => treekeeper(away.path, [...args, '--repo', `file://${hub}`]);
  expect((await read('show', 'latest:app')).stdout).toBe('3');
  expect((await read('ls')).stdout).toBe('app\n');
  mkdirSync(join(away.path, 'target'));
  expect((await read('restore', 'latest', 'dir:target')).status).toBe(0);
  expect(readFileSync(join(away.path, 'target/app'), 'utf8')).toBe('3');
  // Only now is more than the newest snapshot needed.
  expect((await read('log')).stdout.trimEnd().split('\n')).toHaveLength(3);
  expect((await read('show', 'latest~2:app')).stdout).toBe('1');
  write('app', '4');
  await run('backup', 'dir:live', '--push');
  expect((await read('show', 'latest:app')).stdout).toBe('4');
  expect(readdirSync(away.path).sort()).toEqual(['.cache', 'target']);
  expect((await treekeeper(away.path, ['log', '--repo', 'file:///nowhere/x.git'])).status).toBe(2);
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
});

describeWith('git')('hosts on the network', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let http: HttpHost;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    http = await startHttpHost(directory.path, token);
  });
  afterAll(async () => {
    await http[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test('git:// and HTTP with a token, which appears nowhere', async () => {
    bareRemote(join(directory.path, 'plain.git'));
    bareRemote(join(directory.path, 'secret.git'));
    await using daemon = await startGitDaemon(directory.path);
    await using host = await backupHost({ GIT_TRACE: '1', GIT_CURL_VERBOSE: '1', GIT_TRACE_CURL: '1' });
    const { path, run, git: own } = host;
    writeFileSync(join(path, 'token'), `${token}\n`);
    writeFileSync(
      join(path, 'treekeeper.yaml'),
      `version: 1
remotes:
  - { name: plain, url: "${daemon.url('plain.git')}", push: true }
  - { name: secret, url: "${http.url('secret.git')}", push: true, tokenFile: token }
`,
    );
    const argv: string[] = [];
    const watching = setInterval(() => argv.push(...commandLines()), 2);
    const { status, stdout, stderr } = await run('backup', 'dir:live');
    clearInterval(watching);
    expect({ status, stderr: stderr.replace(/^made.*\n/, '') }).toEqual({ status: 0, stderr: '' });
    for (const name of ['plain.git', 'secret.git'])
      expect(git(join(directory.path, name), 'rev-parse', 'main')).toBe(own('rev-parse', 'main'));

    expect(argv.some((line) => line.includes('push'))).toBe(true);
    const config = readFileSync(join(path, 'snapshots.git/config'), 'utf8');
    for (const text of [stdout, stderr, config, ...argv]) expect(text).not.toContain('canary');

    writeFileSync(join(path, 'token'), `${token}-wrong`);
    const refused = await run('push', 'secret');
    expect(refused).toMatchObject({
      status: 6,
      stderr: expect.stringMatching(/secret\.git: it wants other credentials \(401\)/),
    });
    expect(refused.stderr).not.toContain('canary');
  });

  test.each([
    [{ status: 401 }, /it wants other credentials \(401\)/],
    [{ status: 403 }, /it does not allow that with these credentials \(403\)/],
    [{ status: 413 }, /it takes no request of that size \(413\)/],
    [{ status: 500 }, /it has an error of its own/],
    [{ status: 404 }, /there is no such repository/],
    ['hang', /it said nothing for too long/],
    [{ cutAfter: 1_000 }, /the connection broke off/],
  ] as const)(
    'a host that answers %j: exit 6 in time, the snapshot is safe, and the next push heals',
    async (fault, message) => {
      const name = `fault-${Math.random().toString(36).slice(2)}.git`;
      bareRemote(join(directory.path, name));
      await using host = await backupHost({ TREEKEEPER_GIT_TOKEN: token });
      const { run, write, git: own } = host;
      write('large', Array.from({ length: 20_000 }, () => Math.random().toString(36)).join(''));
      await run('remote', 'add', 'origin', http.url(name));

      http.fault = fault;
      const start = Date.now();
      const failed = await run('backup', 'dir:live', '--push', '--timeout', '2');
      http.fault = undefined;
      expect(Date.now() - start).toBeLessThan(12_000);
      expect(failed).toMatchObject({ status: 6, stderr: expect.stringMatching(message) });
      expect(failed.stdout).toContain('snapshot ');
      expect(own('fsck', '--strict')).toBe('');

      expect((await run('backup', 'dir:live', '--push')).status).toBe(0);
      expect(git(join(directory.path, name), 'rev-parse', 'main')).toBe(own('rev-parse', 'main'));
    },
  );

  test('a host that takes a connection and never says a word, and one that is not there', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    try {
      await using host = await backupHost();
      const { run } = host;
      await run('remote', 'add', 'origin', `git://127.0.0.1:${port}/x.git`);
      const failed = await run('backup', 'dir:live', '--push', '--timeout', '1');
      expect(failed).toMatchObject({ status: 6, stderr: expect.stringContaining('it said nothing for too long') });
      await run('remote', 'remove', 'origin');
      await run('remote', 'add', 'origin', 'git://127.0.0.1:1/x.git');
      expect((await run('remote', 'test')).stderr).toMatch(/it cannot be reached/);
      await run('remote', 'remove', 'origin');
      await run('remote', 'add', 'origin', 'https://treekeeper.invalid/x.git');
      expect((await run('push')).stderr).toMatch(/the name of the host cannot be resolved/);
    } finally {
      silent.close();
    }
  });

  test('values that go elsewhere in clear are told once, however quiet', async () => {
    bareRemote(join(directory.path, 'clear.git'));
    await using host = await backupHost({ TREEKEEPER_GIT_TOKEN: token });
    const { path, run, write } = host;
    // The name of this machine is another one than loopback's, to whoever looks at the URL alone.
    const elsewhere = http.url('clear.git').replace('127.0.0.1', '0.0.0.0');
    await run('remote', 'add', 'origin', elsewhere);
    const first = await run('backup', 'dir:live', '--push', '--quiet');
    expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining('1 values go to origin') });
    write('app', 'two');
    expect(await run('backup', 'dir:live', '--push', '--quiet')).toMatchObject({ status: 0, stderr: '' });

    bareRemote(join(directory.path, 'meant.git'));
    const url = elsewhere.replace('clear', 'meant');
    writeFileSync(
      join(path, 'treekeeper.yaml'),
      `version: 1\nremotes: [{ name: meant, url: "${url}", unencrypted: accepted }]\n`,
    );
    expect(await run('push', 'meant')).toMatchObject({ status: 0, stderr: '' });
  });
});

describeWith('ssh', ...(hasSshd ? [] : ['sshd']))('ssh', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let ssh: SshHost;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    ssh = await startSshHost(directory.path);
  });
  afterAll(async () => {
    await ssh[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test('with a key and a known host it pushes, clones and restores', async () => {
    const hub = bareRemote(join(directory.path, 'hub.git'));
    await using host = await backupHost({ GIT_SSH_COMMAND: ssh.sshCommand });
    const { path, run, git: own } = host;
    await run('remote', 'add', 'origin', ssh.url('hub.git'));
    expect(await run('backup', 'dir:live', '--push')).toMatchObject({ status: 0 });
    expect(git(hub, 'rev-parse', 'main')).toBe(own('rev-parse', 'main'));
    expect((await run('clone', ssh.url('hub.git'), 'copy.git')).status).toBe(0);
    mkdirSync(join(path, 'target'));
    expect((await run('restore', 'latest', 'dir:target', '--repo', ssh.url('hub.git'))).status).toBe(0);
    expect(readFileSync(join(path, 'target/app'), 'utf8')).toBe('one\n');
  });

  test.each([
    ['an unknown host', 'strangerCommand', /its host key is not known/],
    ['a key that the host does not know', 'wrongKeyCommand', /it refuses the ssh key/],
  ] as const)('%s is told, and nothing is asked', async (_what, command, message) => {
    bareRemote(join(directory.path, `${command}.git`));
    await using host = await backupHost({ GIT_SSH_COMMAND: ssh[command] });
    await host.run('remote', 'add', 'origin', ssh.url(`${command}.git`));
    expect(await host.run('backup', 'dir:live', '--push')).toMatchObject({
      status: 6,
      stderr: expect.stringMatching(message),
    });
  });
});

/** What every process of this machine was started with. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    });
}
