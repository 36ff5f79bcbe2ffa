import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
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
import { backupHost, commandLines, git, token } from './backup-host.ts';

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
    // Up to where it would be escaped. Other tests that run beside this one have other words for a secret.
    const [beginning = ''] = token.split('/');
    for (const text of [stdout, stderr, config, ...argv]) expect(text).not.toContain(beginning);

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
      const failed = await run('backup', 'dir:live', '--push', '--timeout', '2');
      http.fault = undefined;
      expect(failed).toMatchObject({ status: 6, stderr: expect.stringMatching(message) });
      expect(failed.stdout).toContain('snapshot ');
      expect(own('fsck', '--strict')).toBe('');

      expect((await run('backup', 'dir:live', '--push')).status).toBe(0);
      expect(git(join(directory.path, name), 'rev-parse', 'main')).toBe(own('rev-parse', 'main'));
    },
    // A host that hangs would be waited for without end.
    60_000,
  );

  async function listen(server: Server): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    return `http://127.0.0.1:${port}`;
  }

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
  }, 60_000);

  test('a credential helper of the user is asked', async () => {
    bareRemote(join(directory.path, 'helper.git'));
    await using host = await backupHost();
    writeFileSync(
      join(host.path, '.gitconfig'),
      `[credential]\n\thelper = "!f() { echo username=me; echo password=${token}; }; f"\n`,
    );
    await host.run('remote', 'add', 'origin', http.url('helper.git'));
    expect(await host.run('backup', 'dir:live', '--push')).toMatchObject({ status: 0 });
  }, 60_000);

  test('a token is given to the host of its remote, and to no other that it redirects to', async () => {
    const asked: (string | undefined)[] = [];
    const thief = createHttpServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    });
    const where = await listen(thief);
    const trusted = createHttpServer((request, response) => {
      response.writeHead(302, { location: `${where}${request.url}` }).end();
    });
    try {
      await using host = await backupHost({ TREEKEEPER_GIT_TOKEN: token });
      await host.run('remote', 'add', 'origin', `${await listen(trusted)}/x.git`);
      expect(await host.run('backup', 'dir:live', '--push')).toMatchObject({ status: 6 });
      expect(asked.length).toBeGreaterThan(0);
      expect(new Set(asked)).toEqual(new Set([undefined]));
    } finally {
      thief.close();
      trusted.close();
    }
  }, 60_000);

  test('values that go elsewhere in clear are told once for each store, however quiet', async () => {
    bareRemote(join(directory.path, 'clear.git'));
    await using host = await backupHost({ TREEKEEPER_GIT_TOKEN: token });
    const { path, run, write } = host;
    // The name of this machine is another one than loopback's, to whoever looks at the URL alone.
    const elsewhere = http.url('clear.git').replace('127.0.0.1', '0.0.0.0');
    await run('remote', 'add', 'origin', elsewhere);
    const first = await run('backup', 'dir:live', '--push', '--quiet');
    expect(first).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/in clear to origin .*: 1 value of live,/),
    });
    write('app', 'two');
    expect(await run('backup', 'dir:live', '--push', '--quiet')).toMatchObject({ status: 0, stderr: '' });
    const next = await run('backup', 'dir:live', '--store', 'next', '--push', '--quiet');
    expect(next.stderr).toMatch(/in clear to origin .*: 1 value of next,/);

    bareRemote(join(directory.path, 'meant.git'));
    const url = elsewhere.replace('clear', 'meant');
    writeFileSync(
      join(path, 'treekeeper.yaml'),
      `version: 1\nremotes: [{ name: meant, url: "${url}", unencrypted: accepted }]\n`,
    );
    expect(await run('push', 'meant')).toMatchObject({ status: 0, stderr: '' });
  }, 60_000);
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
