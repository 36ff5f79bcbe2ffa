import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startGnupg } from '../ciphers/gnupg.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { treekeeper } from './run.ts';

const canary = 'canary-hunter2';
const passphrase = 'horse-battery-staple';

const gnupg = startGnupg();
const alice = gnupg.makeKey('cv25519', { user: 'alice <alice@example.org>' });
const bob = gnupg.makeKey('cv25519', { user: 'bob <bob@example.org>' });
const carol = gnupg.makeKey('cv25519', { user: 'carol <carol@example.org>', passphrase });
const expired = gnupg.makeKey('cv25519', { user: 'eve <eve@example.org>', expires: 'seconds=1' });

/** A directory with values to hide below `secret`, and a configuration that says so. The host has public keys only. */
async function workspace(recipients: readonly string[] = [alice]) {
  const directory = await temporaryDirectory();
  const { path } = directory;
  const write = (name: string, content: string) => {
    mkdirSync(join(path, 'live', name, '..'), { recursive: true });
    writeFileSync(join(path, 'live', name), content);
  };
  const configure = (fingerprints: readonly string[], keyFiles = '["keys.asc"]') =>
    writeFileSync(
      join(path, 'treekeeper.yaml'),
      `version: 1
stores:
  app:
    service: "dir:live"
    encrypt:
      - keys: ["secret/**"]
        recipients: ${JSON.stringify(fingerprints)}
        keyFiles: ${keyFiles}
`,
    );
  writeFileSync(join(path, 'keys.asc'), gnupg.run(['--export', '--armor']));
  for (const [name, fingerprint] of Object.entries({ alice, bob }))
    writeFileSync(join(path, `${name}.key`), gnupg.run(['--export-secret-keys', fingerprint]));
  configure(recipients);
  write('plain', 'shown\n');
  write('secret/password', `${canary}\n`);
  write('secret/deep/token', `${canary}-too`);
  const git = (...args: string[]) => execFileSync('git', ['-C', join(path, 'snapshots.git'), ...args]);
  return {
    path,
    write,
    configure,
    git: (...args: string[]) =>
      git(...args)
        .toString()
        .trimEnd(),
    raw: git,
    // A keyring of its own, which is empty: nothing is opened with what is not given.
    run: (...args: string[]) => treekeeper(path, args, { GNUPGHOME: path }),
    runWith: (env: { readonly [name: string]: string }, ...args: string[]) =>
      treekeeper(path, args, { GNUPGHOME: path, ...env }),
    runWithGpg: (...args: string[]) => treekeeper(path, args, { GNUPGHOME: gnupg.home }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test('values are hidden by rule, gpg opens them, and a restore gives them back', async () => {
  await using space = await workspace();
  const { path, run, raw, git, runWithGpg } = space;
  const first = await run('backup', 'app');
  expect(first).toMatchObject({ status: 0, stdout: expect.stringContaining('app: 5 added') });
  expect(git('ls-tree', '-r', '--name-only', 'main').split('\n')).toEqual([
    `%keys/${alice}.asc`,
    '.gitattributes',
    'README.md',
    'app/%store.json',
    'app/plain',
    'app/secret/deep/token.gpg',
    'app/secret/password.gpg',
  ]);
  expect(gnupg.run(['--decrypt'], raw('show', 'main:app/secret/password.gpg')).toString()).toBe(`${canary}\n`);

  mkdirSync(join(path, 'target'));
  const without = await run('restore', 'latest', 'dir:target');
  expect(without).toMatchObject({ status: 12, stderr: expect.stringMatching(/no secret key at hand opens/) });
  expect(readdirSync(join(path, 'target'))).toEqual([]);
  expect((await run('restore', 'latest', 'dir:target', '--key-file', 'bob.key')).status).toBe(12);
  expect((await run('restore', 'latest', 'dir:target', '--key-file', 'alice.key')).status).toBe(0);
  expect(readFileSync(join(path, 'target/secret/password'), 'utf8')).toBe(`${canary}\n`);
  expect((await runWithGpg('restore', 'latest', 'dir:target')).stdout).toContain(
    'restore: 0 created, 5 were there already',
  );
});

test('an unchanged value keeps its ciphertext, without any secret key on the host', async () => {
  await using space = await workspace();
  const { path, run, write, git } = space;
  await run('backup', 'app');
  const before = git('rev-parse', 'main');
  expect((await run('backup', 'app')).stdout).toContain('app: no change');
  rmSync(join(path, 'snapshots.git/treekeeper/seen-app'));
  expect((await run('backup', 'app')).stdout).toContain('app: no change');
  expect(git('rev-parse', 'main')).toBe(before);
  const lastWeek = new Date(Date.now() - 7 * 24 * 3_600_000);
  const caches = join(path, 'snapshots.git/treekeeper');
  for (const name of readdirSync(caches)) utimesSync(join(caches, name), lastWeek, lastWeek);
  expect((await run('backup', 'app')).stdout).toContain('app: no change');
  expect(git('rev-parse', 'main')).toBe(before);

  write('secret/password', 'other');
  expect((await run('backup', 'app')).stdout).toContain('0 added, 1 changed, 0 removed');
  expect(git('diff', '--name-only', 'main~1', 'main')).toBe('app/secret/password.gpg');
  expect(statSync(join(path, 'snapshots.git/treekeeper/tags-app')).mode & 0o777).toBe(0o600);
});

test('another recipient: the store follows, and both can or cannot open it', async () => {
  await using space = await workspace();
  const { run, configure, git } = space;
  await run('backup', 'app');
  configure([bob]);
  const rekeyed = await run('backup', 'app');
  expect(rekeyed).toMatchObject({ status: 0, stdout: expect.stringContaining('0 added, 0 changed') });
  expect(rekeyed.stderr).toContain('2 values are encrypted by other rules now');
  expect(git('log', '-1', '--format=%B')).toContain('Rekeyed: 2');
  const open = (who: string, revision: string) =>
    run('show', `${revision}:secret/password`, '--key-file', `${who}.key`);
  expect((await open('bob', 'latest')).stdout).toBe(`${canary}\n`);
  expect((await open('alice', 'latest')).status).toBe(12);
  expect((await open('alice', 'latest~1')).stdout).toBe(`${canary}\n`);

  // Both keys are in the repository by now, so that no file of keys is needed.
  configure([alice, bob], '[]');
  expect((await run('backup', 'app')).status).toBe(0);
  expect((await open('alice', 'latest')).stdout).toBe((await open('bob', 'latest')).stdout);
  expect(
    (await run('keys')).stdout
      .split('\n')
      .map((line) => line.slice(0, 40))
      .sort(),
  ).toEqual(['', alice, bob].sort());
  expect(git('fsck', '--strict')).toBe('');
});

test('a recipient who cannot be encrypted to is told before anything is recorded', async () => {
  await using space = await workspace([expired]);
  const { run, configure } = space;
  expect(await run('backup', 'app')).toMatchObject({
    status: 13,
    stderr: expect.stringMatching(new RegExp(`${expired} \\(eve.*expired`)),
  });
  configure(['0'.repeat(40)]);
  expect(await run('backup', 'app')).toMatchObject({ status: 13, stderr: expect.stringContaining('0'.repeat(40)) });
  expect((await run('log')).status).toBe(0);
  expect((await run('keys', 'add', 'keys.asc')).status).toBe(13);
});

test('without a key it is told which values changed, with one how; and a live service is compared by its values', async () => {
  await using space = await workspace();
  const { run, write } = space;
  await run('backup', 'app');
  write('secret/password', 'other');
  expect(await run('diff', 'latest', 'app', '--exit-code', '--key-file', 'alice.key')).toMatchObject({
    status: 4,
    stdout: expect.stringContaining('~ secret/password'),
  });
  // The host that makes the snapshots knows what is in its ciphertexts.
  expect((await run('diff', 'latest', 'app', '--name-only')).stdout).toContain('~ secret/password');
  await run('backup', 'app');
  expect((await run('diff', 'latest', 'app', '--exit-code')).status).toBe(0);
  const without = await run('diff');
  expect(without).toMatchObject({ status: 0, stdout: expect.stringContaining('~ secret/password') });
  expect(without.stdout).not.toContain('other');
  expect((await run('diff', '--key-file', 'alice.key')).stdout).toContain(`-${canary}\n    +other`);
  expect(await run('diff', 'latest', 'app', '--exit-code', '--key-file', 'alice.key')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0 added, 0 changed, 0 removed'),
  });
  expect((await run('ls', '-l')).stdout).toContain(' encrypted  secret/password');
  expect((await run('log', 'secret/password')).stdout).toContain('changed');
});

test('ciphertexts that change places are found before anything is restored', async () => {
  await using space = await workspace();
  const { path, run, git } = space;
  await run('backup', 'app');
  const tree = (name: string) => git('rev-parse', `main:${name}`);
  const swapped = execFileSync('git', ['-C', join(path, 'snapshots.git'), 'mktree'], {
    input: `040000 tree ${tree('app/secret/deep')}\tdeep\n100644 blob ${tree('app/secret/deep/token.gpg')}\tpassword.gpg\n`,
  })
    .toString()
    .trim();
  const replace = (parent: string, name: string, oid: string) =>
    execFileSync('git', ['-C', join(path, 'snapshots.git'), 'mktree'], {
      input: git('ls-tree', parent).replace(new RegExp(`tree [0-9a-f]{40}\\t${name}$`, 'm'), `tree ${oid}\t${name}`),
    })
      .toString()
      .trim();
  const top = replace('main', 'app', replace('main:app', 'secret', swapped));
  const commit = git('-c', 'user.name=x', '-c', 'user.email=x@y', 'commit-tree', top, '-p', 'main', '-m', 'x');
  git('update-ref', 'refs/heads/main', commit);
  mkdirSync(join(path, 'target'));
  expect(await run('restore', 'latest', 'dir:target', '--key-file', 'alice.key')).toMatchObject({
    status: 5,
    stderr: expect.stringContaining('belongs to another node'),
  });
  expect(readdirSync(join(path, 'target'))).toEqual([]);
});

/** Programs in front of git and gpg that note their arguments, and where a secret lies in a file when they start. */
function watchChildren(path: string) {
  const [bin, log, temporary] = ['bin', 'children', 'tmp'].map((name) => join(path, name)) as [string, string, string];
  for (const directory of [bin, temporary]) mkdirSync(directory);
  for (const name of ['git', 'gpg']) {
    const real = execFileSync('which', [name], { encoding: 'utf8' }).trim();
    const look = `grep -raFl -e ${canary} -e ${passphrase} ${temporary} ${join(path, 'snapshots.git')} 2>/dev/null`;
    const script = `#!/bin/sh\n{ printf 'ran ${name} %s\\n' "$*"; ${look}; } >>${log}\nexec ${real} "$@"\n`;
    writeFileSync(join(bin, name), script, { mode: 0o755 });
  }
  return { env: { PATH: `${bin}:${process.env['PATH']}`, TMPDIR: temporary }, told: () => readFileSync(log, 'utf8') };
}

test('no secret reaches the repository, a temporary file, an error or an argument', async () => {
  await using space = await workspace();
  const { path, runWith, write } = space;
  const { env, told } = watchChildren(path);
  writeFileSync(join(path, 'passphrase'), passphrase);
  writeFileSync(
    join(path, 'treekeeper.yaml'),
    `version: 1
stores:
  app:
    service: "dir:live"
    encrypt:
      - { keys: ["secret/deep/**"], passphraseFile: passphrase }
      - { keys: ["secret/**"], recipients: [${alice}], keyFiles: [keys.asc] }
`,
  );
  mkdirSync(join(path, 'target'));
  const said: string[] = [];
  for (const args of [
    ['backup', 'app'],
    ['diff', 'latest', 'app', '--name-only'],
    ['log'],
    ['check'],
    ['restore', 'latest', 'app', '-n'],
    ['restore', 'latest', 'dir:target', '--yes', '--key-file', 'alice.key'],
    ['rekey', '--all', '--key-file', 'alice.key'],
    ['restore', 'latest', 'dir:target', '--key-file', 'bob.key'],
  ]) {
    write('secret/password', `${canary} ${args.join(' ')}`);
    const { stdout, stderr } = await runWith(env, ...args);
    said.push(stdout, stderr);
  }
  expect(readFileSync(join(path, 'target/secret/deep/token'), 'utf8')).toBe(`${canary}-too`);
  expect(told()).toMatch(/^ran git .*index-pack/m);
  expect(told()).toMatch(/^ran gpg /m);
  for (const text of [...said, told()]) {
    expect(text).not.toContain('canary');
    expect(text).not.toContain(passphrase);
  }
  // What was only looked at beside the children: nothing was left behind, either.
  expect(
    told()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('ran ')),
  ).toEqual([]);
  execFileSync('git', ['-C', join(path, 'snapshots.git'), 'repack', '-A', '-d', '-q', '--unpack-unreachable=now']);
  const blobs = execFileSync('git', ['-C', join(path, 'snapshots.git'), 'cat-file', '--batch', '--batch-all-objects']);
  expect(blobs.includes(canary)).toBe(false);
  // grep finds nothing, and says so with its status.
  const places = [join(path, 'snapshots.git'), join(path, 'tmp')];
  for (const secret of [canary, passphrase])
    expect(() => execFileSync('grep', ['-raF', secret, ...places], { stdio: 'pipe' })).toThrow();
});

test('a passphrase opens where it is given, in whatever way, and nobody is asked where nobody is', async () => {
  await using space = await workspace();
  const { path, run, runWith } = space;
  const rule = '{ keys: ["**"], passphraseEnv: STORE_PASSPHRASE }';
  writeFileSync(
    join(path, 'treekeeper.yaml'),
    `version: 1\nstores: { app: { service: "dir:live", encrypt: [${rule}] } }\n`,
  );
  writeFileSync(join(path, 'passphrase'), `${passphrase}\n`);
  expect(await run('backup', 'app')).toMatchObject({ status: 2, stderr: expect.stringContaining('STORE_PASSPHRASE') });
  expect((await runWith({ STORE_PASSPHRASE: passphrase }, 'backup', 'app')).status).toBe(0);
  const show = ['show', 'latest:secret/password'];
  for (const env of [
    { STORE_PASSPHRASE: passphrase },
    { TREEKEEPER_PASSPHRASE: passphrase },
    { TREEKEEPER_PASSPHRASE_FILE: join(path, 'passphrase') },
  ])
    expect((await runWith(env, ...show)).stdout).toBe(`${canary}\n`);
  expect((await run(...show, '--passphrase-file', 'passphrase')).stdout).toBe(`${canary}\n`);
  expect(await run(...show)).toMatchObject({ status: 12, stderr: expect.stringContaining('--passphrase-file') });
  expect((await runWith({ TREEKEEPER_PASSPHRASE: 'wrong' }, ...show)).status).toBe(12);
});

test('the passphrase of a secret key comes from a file or the environment', async () => {
  await using space = await workspace([carol]);
  const { path, run, runWith } = space;
  const unlock = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
  writeFileSync(join(path, 'carol.key'), gnupg.run([...unlock, '--export-secret-keys', '--armor', carol]));
  writeFileSync(join(path, 'passphrase'), `${passphrase}\n`);
  await run('backup', 'app');
  const show = ['show', 'latest:secret/password', '--key-file', 'carol.key'];
  for (const env of [
    { TREEKEEPER_KEY_PASSPHRASE: passphrase },
    { TREEKEEPER_KEY_PASSPHRASE_FILE: join(path, 'passphrase') },
  ])
    expect((await runWith(env, ...show)).stdout).toBe(`${canary}\n`);
  expect((await run(...show, '--passphrase-file', 'passphrase')).stdout).toBe(`${canary}\n`);
  expect(await run(...show)).toMatchObject({ status: 12, stderr: expect.stringContaining('no terminal') });
});

test('somebody leaves: the store is encrypted anew without its service, and the key goes', async () => {
  await using space = await workspace([alice, bob]);
  const { path, run, configure, git } = space;
  await run('backup', 'app');
  expect(await run('keys', 'remove', bob)).toMatchObject({ status: 2, stderr: expect.stringContaining('store app') });
  configure([alice]);
  rmSync(join(path, 'live'), { recursive: true });
  const read = git('log', '-1', '--format=%at', 'main');
  const rekeyed = await run('rekey', '--key-file', 'alice.key');
  expect(rekeyed).toMatchObject({ status: 0, stdout: expect.stringContaining('app: 2 values encrypted anew') });
  expect(rekeyed.stderr).toContain('stays readable');
  // The service was not read anew, so the snapshot is as old as it was.
  expect(git('log', '-1', '--format=%at', 'main')).toBe(read);
  expect((await run('diff', '--key-file', 'alice.key')).stdout).toContain('0 added, 0 changed, 0 removed');
  expect((await run('show', 'latest:secret/password', '--key-file', 'bob.key')).status).toBe(12);
  expect((await run('keys', 'remove', bob)).status).toBe(0);
  expect(git('ls-tree', '--name-only', 'main:%keys')).toBe(`${alice}.asc`);

  // A name is bound to the key in the snapshot, wherever the node goes.
  mkdirSync(join(path, 'target'));
  const moved = await run('restore', 'latest', 'dir:target', '--map', 'secret=moved', '--key-file', 'alice.key');
  expect(moved.status).toBe(0);
  expect(readFileSync(join(path, 'target/moved/password'), 'utf8')).toBe(`${canary}\n`);
});

test('in a clone, `git diff` and `git log -p` show the values to who holds the key', async () => {
  await using space = await workspace();
  const { path, run, write } = space;
  await run('backup', 'app');
  write('secret/password', 'other\n');
  await run('backup', 'app');
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: path, env: { ...process.env, GNUPGHOME: gnupg.home }, stdio: 'pipe' }).toString();
  git('clone', '-q', 'snapshots.git', 'clone');
  git('-C', 'clone', 'config', 'diff.gpg.textconv', 'gpg -d --quiet --batch');
  for (const args of [
    ['diff', 'HEAD~1', 'HEAD'],
    ['log', '-p', '-1'],
  ])
    expect(git('-C', 'clone', ...args)).toContain(`-${canary}\n+other`);
});

test('the drill: a clone, git, gpg and a shell rebuild the tree', async () => {
  await using space = await workspace();
  const { path, run } = space;
  await run('backup', 'app');
  const script = `
    set -e
    git clone -q snapshots.git clone
    cd clone/app
    find . -name '*.gpg' | while read -r file; do
      gpg --batch --quiet --decrypt "$file" >"\${file%.gpg}"
      rm "$file"
    done
    rm %store.json
  `;
  execFileSync('bash', ['-c', script], { cwd: path, env: { ...process.env, GNUPGHOME: gnupg.home }, stdio: 'pipe' });
  expect(() => execFileSync('diff', ['-r', 'clone/app', 'live'], { cwd: path, stdio: 'pipe' })).not.toThrow();
});
