import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startGnupg } from '../ciphers/gnupg.ts';
import { bareRemote } from '../servers/git-hosts.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { git } from './backup-host.ts';
import { treekeeper } from './run.ts';

vi.setConfig({ testTimeout: 120_000 });

const gnupg = startGnupg();
const alice = gnupg.makeKey('ed25519', { user: 'alice <alice@example.org>', signOnly: true });
const bob = gnupg.makeKey('ed25519', { user: 'bob <bob@example.org>', signOnly: true });
const mallory = gnupg.makeKey('ed25519', { user: 'mallory <m@example.org>', signOnly: true });
const passphrase = 'canary-correct-horse';
const locked = gnupg.makeKey('ed25519', { user: 'locked <l@example.org>', signOnly: true, passphrase });

/** What `sign` in the configuration may be. */
const byGpg = (fingerprint: string) => `{ key: "${fingerprint}" }`;
const byFile = '{ keyFile: signing.key }';

/** A host with a directory to back up. It signs and trusts as it is told to; without gpg, its keyring is empty. */
async function signingHost(sign: string | undefined, signers: readonly string[] = [], keyring = gnupg.home) {
  const directory = await temporaryDirectory();
  const { path } = directory;
  mkdirSync(join(path, 'live'));
  mkdirSync(join(path, 'keyring'), { mode: 0o700 });
  const write = (name: string, content: string) => writeFileSync(join(path, 'live', name), content);
  const configure = (signing: string | undefined, trusted: readonly string[]) =>
    writeFileSync(
      join(path, 'treekeeper.yaml'),
      [
        'version: 1',
        'stores: { app: { service: "dir:live" } }',
        ...(signing === undefined ? [] : [`sign: ${signing}`]),
        ...(trusted.length === 0 ? [] : [`trust: { signers: ${JSON.stringify(trusted)} }`]),
        '',
      ].join('\n'),
    );
  configure(sign, signers);
  write('db', 'one\n');
  const env = { GNUPGHOME: keyring === '' ? join(path, 'keyring') : keyring };
  return {
    path,
    write,
    configure,
    repository: join(path, 'snapshots.git'),
    run: (...args: string[]) => treekeeper(path, args, env),
    runWith: (more: { [name: string]: string }, ...args: string[]) => treekeeper(path, args, { ...env, ...more }),
    restore: (...args: string[]) => {
      rmSync(join(path, 'target'), { recursive: true, force: true });
      mkdirSync(join(path, 'target'));
      return treekeeper(path, ['restore', 'latest', 'dir:target', ...args], env);
    },
    restored: () => readdirSync(join(path, 'target')),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const withGpg = { env: { ...process.env, GNUPGHOME: gnupg.home }, encoding: 'utf8' } as const;
/** Who signed each commit, by the word of git and gpg: newest first, `none` where nobody did. */
const signersOf = (repository: string, ...revisions: string[]) =>
  execFileSync('git', ['-C', repository, 'log', '--format=%G?%GP', ...revisions], withGpg)
    .trimEnd()
    .split('\n')
    .map((line) => (line.startsWith('G') ? line.slice(1) : 'none'));

/** Commits by hand what a branch has, changed or not, as somebody with git would. */
function forge(repository: string, options: { sign?: string; file?: string; parent?: string } = {}): string {
  const { sign, file = 'app/db', parent = 'main' } = options;
  const env = { ...withGpg.env, GIT_INDEX_FILE: join(repository, 'forged-index') };
  const person = ['-c', 'user.name=m', '-c', 'user.email=m@example.org'];
  const run = (args: readonly string[], more: { input?: string } = {}) =>
    execFileSync('git', ['-C', repository, ...person, ...args], { env, encoding: 'utf8', ...more }).trimEnd();
  const blob = run(['hash-object', '-w', '--stdin'], { input: 'forged\n' });
  run(['read-tree', parent]);
  run(['update-index', '--add', '--cacheinfo', `100644,${blob},${file}`]);
  const signing = sign === undefined ? [] : [`-S${sign}`];
  const commit = run(['commit-tree', ...signing, '-p', parent, '-m', 'forged', run(['write-tree'])]);
  run(['update-ref', 'refs/heads/main', commit]);
  return commit;
}

test('every commit is signed: the first, snapshots, keys, an archive, and git verifies it', async () => {
  await using host = await signingHost(byGpg(alice));
  const { run, write, repository, path } = host;
  expect(await run('backup', 'app')).toMatchObject({ status: 0 });
  write('db', 'two\n');
  await run('backup', 'app');
  const recipient = gnupg.makeKey('cv25519');
  writeFileSync(join(path, 'recipient.asc'), gnupg.run(['--export', recipient]));
  expect((await run('keys', 'add', 'recipient.asc')).status).toBe(0);
  expect((await run('archive')).status).toBe(0);
  expect(signersOf(repository, '--all')).toEqual(Array.from({ length: 6 }, () => alice));
  execFileSync('git', ['-C', repository, 'verify-commit', 'main'], { ...withGpg, stdio: 'ignore' });
  expect(git(repository, 'fsck', '--strict')).toBe('');
  expect(git(repository, 'ls-tree', '--name-only', 'main', '%keys/').split('\n')).toContain(`%keys/${alice}.asc`);
});

test('a key file signs without gpg; its passphrase comes from where it is said to, and goes nowhere', async () => {
  await using host = await signingHost('{ keyFile: signing.key, passphraseEnv: SIGNING_PASSPHRASE }', [], '');
  const { path, run, runWith, repository, configure, write } = host;
  const unlock = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
  writeFileSync(join(path, 'signing.key'), gnupg.run([...unlock, '--export-secret-keys', locked]));
  const good = await runWith({ SIGNING_PASSPHRASE: passphrase }, 'backup', 'app');
  expect(good).toMatchObject({ status: 0 });
  expect(signersOf(repository, 'main')).toEqual([locked, locked]);

  write('db', 'two\n');
  const wrong = await runWith({ SIGNING_PASSPHRASE: 'canary-wrong' }, 'backup', 'app');
  expect(wrong).toMatchObject({ status: 12, stderr: expect.stringContaining(`the secret key ${locked}`) });
  expect(await run('backup', 'app')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('SIGNING_PASSPHRASE'),
  });
  configure(byFile, []);
  expect(await run('backup', 'app')).toMatchObject({
    status: 12,
    stderr: expect.stringContaining('no terminal to ask'),
  });
  expect(signersOf(repository, 'main')).toHaveLength(2);
  writeFileSync(join(path, 'passphrase'), `${passphrase}\n`);
  configure('{ keyFile: signing.key, passphraseFile: passphrase }', []);
  expect((await run('backup', 'app')).status).toBe(0);
  expect(signersOf(repository, 'main')).toEqual([locked, locked, locked]);
  for (const { stdout, stderr } of [good, wrong]) expect(stdout + stderr).not.toContain('canary');
});

test('a key that cannot sign is told before the service is read, and nothing is made', async () => {
  await using host = await signingHost(byGpg('0'.repeat(40)));
  const { run, configure, path } = host;
  expect(await run('backup', 'app')).toMatchObject({
    status: 14,
    stderr: expect.stringMatching(/cannot be signed.*0{40}/),
  });
  expect(readdirSync(path)).not.toContain('snapshots.git');
  configure(byGpg(alice), [bob]);
  expect(await run('backup', 'app')).toMatchObject({ status: 2, stderr: expect.stringMatching(/does not name/) });
  configure(byFile, []);
  expect(await run('backup', 'app')).toMatchObject({ status: 2, stderr: expect.stringMatching(/signing\.key/) });
  expect(readdirSync(path)).not.toContain('snapshots.git');
});

test('only what a trusted key signed is restored, with nothing but its fingerprint at hand', async () => {
  await using host = await signingHost(byGpg(alice), [alice]);
  const { run, repository, configure, restore, restored } = host;
  await run('backup', 'app');
  // The other host has an empty keyring: the public key comes with the repository.
  await using other = await signingHost(undefined, [alice], '');
  const restoreThere = (...args: string[]) => other.restore('--repo', repository, ...args);
  expect((await restoreThere()).status).toBe(0);
  expect(other.restored()).toEqual(['db']);

  for (const [sign, fact] of [
    [undefined, /is not signed/],
    [mallory, new RegExp(`is signed by the key ${mallory.slice(-16)}, which is not among the trusted`)],
  ] as const) {
    const tip = git(repository, 'rev-parse', 'main');
    forge(repository, sign === undefined ? {} : { sign });
    for (const verb of ['restore', 'verify']) {
      const refused =
        verb === 'restore'
          ? await restoreThere()
          : await other.run('verify', 'latest', 'dir:target', '--repo', repository);
      expect(refused).toMatchObject({ status: 14, stdout: '', stderr: expect.stringMatching(fact) });
      expect(refused.stderr).toMatch(/--allow-unverified/);
    }
    expect(other.restored()).toEqual([]);
    git(repository, 'update-ref', 'refs/heads/main', tip);
  }

  // A signature over something else, and none but in name.
  const good = execFileSync('git', ['-C', repository, 'cat-file', 'commit', 'main']).toString('latin1');
  const tip = git(repository, 'rev-parse', 'main');
  for (const bad of [good.replace('1 added', '2 added'), good.replace(/^gpgsig /m, 'gpgsig  ')]) {
    const options = { input: Buffer.from(bad, 'latin1'), encoding: 'utf8' } as const;
    const oid = execFileSync(
      'git',
      ['-C', repository, 'hash-object', '-t', 'commit', '-w', '--stdin'],
      options,
    ).trimEnd();
    git(repository, 'update-ref', 'refs/heads/main', oid);
    expect(await restoreThere()).toMatchObject({ status: 14 });
    expect(other.restored()).toEqual([]);
  }
  git(repository, 'update-ref', 'refs/heads/main', tip);

  // Somebody with git and a trusted key is as good, and flags go before the configuration.
  forge(repository, { sign: alice });
  expect((await restoreThere()).status).toBe(0);
  expect(readFileSync(join(other.path, 'target/db'), 'utf8')).toBe('forged\n');
  expect((await restoreThere('--signer', bob)).status).toBe(14);
  expect((await restoreThere('--signer', 'abcd')).status).toBe(2);
  configure(undefined, []);
  expect((await restore('--signer', bob)).status).toBe(14);
  expect(restored()).toEqual([]);
  const told = await restore('--signer', bob, '--allow-unverified');
  expect(told).toMatchObject({ status: 0, stderr: expect.stringContaining('which is not among the trusted') });
  expect(restored()).toEqual(['db']);
});

test('a plan is carried out only from a snapshot that a trusted key signed', async () => {
  await using host = await signingHost(undefined);
  const { run, configure, path } = host;
  mkdirSync(join(path, 'target'));
  await run('backup', 'app');
  expect((await run('restore', 'latest', 'dir:target', '--plan-out', 'plan')).status).toBe(0);
  configure(undefined, [alice]);
  expect(await run('apply', 'plan')).toMatchObject({ status: 14, stderr: expect.stringContaining('is not signed') });
  expect(readdirSync(join(path, 'target'))).toEqual([]);
});

test('a remote that was taken back, replaced or forged is refused, and what is here stays', async () => {
  await using host = await signingHost(byGpg(alice));
  const { run, write, path } = host;
  const hub = bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', hub);
  await run('backup', 'app', '--push');
  const older = git(hub, 'rev-parse', 'main');

  await using other = await signingHost(undefined, [alice], '');
  const clone = () => other.run('clone', hub, 'snapshots.git');
  const byUrl = (...args: string[]) => other.restore('--repo', `file://${hub}`, ...args);
  expect((await clone()).status).toBe(0);
  expect((await byUrl()).status).toBe(0);
  for (const value of ['two\n', 'three\n']) {
    write('db', value);
    await run('backup', 'app', '--push');
  }
  expect((await other.run('fetch')).stdout).toContain('fetched 2 commits');
  expect((await byUrl()).status).toBe(0);
  const newest = git(hub, 'rev-parse', 'main');

  git(hub, 'update-ref', 'refs/heads/main', older);
  const unchanged = () => {
    for (const ref of ['main', 'origin/main']) expect(git(other.repository, 'rev-parse', ref)).toBe(newest);
  };
  const gone = new RegExp(`${older.slice(0, 10)}, which does not come from ${newest.slice(0, 10)}`);
  expect(await other.run('fetch')).toMatchObject({ status: 14, stderr: expect.stringMatching(gone) });
  unchanged();
  expect(await byUrl()).toMatchObject({ status: 14, stdout: '', stderr: expect.stringMatching(gone) });
  expect(other.restored()).toEqual([]);
  // The branch that the remote calls its own is the remote's word too.
  git(hub, 'branch', 'aside', older);
  git(hub, 'symbolic-ref', 'HEAD', 'refs/heads/aside');
  git(hub, 'update-ref', 'refs/heads/main', newest);
  expect((await byUrl()).status).toBe(14);
  git(hub, 'symbolic-ref', 'HEAD', 'refs/heads/main');
  git(hub, 'branch', '-D', 'aside');

  const forged = forge(hub);
  expect(await other.run('fetch')).toMatchObject({ status: 14, stderr: expect.stringContaining('is not signed') });
  unchanged();
  expect((await byUrl()).status).toBe(14);
  rmSync(join(other.path, 'copy.git'), { recursive: true, force: true });
  expect((await other.run('clone', hub, 'copy.git')).status).toBe(14);
  expect(readdirSync(other.path)).not.toContain('copy.git');

  // What was refused was not remembered: the next honest snapshot is taken.
  git(hub, 'update-ref', 'refs/heads/main', newest, forged);
  write('db', 'four\n');
  await run('backup', 'app', '--push');
  expect((await other.run('fetch')).status).toBe(0);
  expect((await byUrl()).status).toBe(0);
  expect(readFileSync(join(other.path, 'target/db'), 'utf8')).toBe('four\n');
});

test('a history that was begun anew on purpose is taken once it is said to be, and then is the one that counts', async () => {
  await using host = await signingHost(byGpg(alice));
  const { run, write, path, repository } = host;
  const hub = bareRemote(join(path, 'hub.git'));
  await run('remote', 'add', 'origin', hub);
  await run('backup', 'app', '--push');
  await using other = await signingHost(undefined, [alice], '');
  const url = `file://${hub}`;
  const byUrl = (...args: string[]) => other.restore('--repo', url, ...args);
  expect((await byUrl()).status).toBe(0);
  await other.run('clone', hub, 'snapshots.git');

  // An archive alone changes nothing for others: what is pushed then goes on top of what the remote has.
  expect((await run('archive')).status).toBe(0);
  write('db', 'two\n');
  expect((await run('backup', 'app', '--push')).status).toBe(0);
  expect(signersOf(hub, 'main')).toEqual([alice, alice, alice]);
  expect((await other.run('fetch')).status).toBe(0);
  expect((await byUrl()).status).toBe(0);

  git(hub, 'fetch', '--quiet', repository, '+main:main');
  for (const again of [() => other.run('fetch'), byUrl]) {
    expect(await again()).toMatchObject({ status: 14, stderr: expect.stringContaining('--allow-other-history') });
    expect((await again()).status).toBe(14);
  }
  expect((await other.run('fetch', '--allow-other-history')).status).toBe(0);
  expect((await byUrl('--allow-other-history')).status).toBe(0);
  expect((await other.run('fetch')).status).toBe(0);
  expect((await byUrl()).status).toBe(0);
  expect(other.restored()).toEqual(['db']);

  // The memory outlives what was fetched. Without it, the next fetch is as good as the first.
  git(hub, 'update-ref', 'refs/heads/main', git(hub, 'rev-parse', 'main~1'));
  expect((await byUrl()).status).toBe(14);
  const caches = join(other.path, '.cache/treekeeper');
  for (const name of readdirSync(caches)) if (name.endsWith('.git')) rmSync(join(caches, name), { recursive: true });
  expect((await byUrl()).status).toBe(14);
  rmSync(join(other.path, '.cache'), { recursive: true });
  expect((await byUrl()).status).toBe(0);
});

test('who pushes signs what comes on top of others, and puts nothing on top of what nobody trusted signed', async () => {
  const trusted = [alice, bob];
  await using first = await signingHost(byGpg(alice), trusted);
  await using second = await signingHost(byGpg(bob), trusted);
  const hub = bareRemote(join(first.path, 'hub.git'));
  for (const [host, store] of [
    [first, 'a'],
    [second, 'b'],
  ] as const) {
    await host.run('remote', 'add', 'origin', hub);
    expect(await host.run('backup', 'app', '--store', store, '--push')).toMatchObject({ status: 0, stderr: '' });
  }
  expect(new Set(signersOf(hub, 'main'))).toEqual(new Set([alice, bob]));
  expect(signersOf(hub, 'main')[0]).toBe(bob);
  expect(git(hub, 'ls-tree', '--name-only', 'main', '%keys/').split('\n').sort()).toEqual(
    [`%keys/${alice}.asc`, `%keys/${bob}.asc`].sort(),
  );
  expect(await first.run('push')).toMatchObject({ status: 0 });

  const forged = forge(hub, { file: 'b/db' });
  first.write('db', 'two\n');
  const refused = await first.run('backup', 'app', '--store', 'a', '--push');
  expect(refused).toMatchObject({ status: 6, stderr: expect.stringContaining('is not signed') });
  expect(git(hub, 'rev-parse', 'main')).toBe(forged);
  expect(signersOf(first.repository, 'main')[0]).toBe(alice);
});
