import { appendFileSync, chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRemotes } from '../../src/git/remote-config.ts';
import { parseRemoteUrl } from '../../src/git/remote-url.ts';
import { openRepository } from '../../src/git/repository.ts';
import { fetchBranch, listRemote, pushBranch } from '../../src/git/transport.ts';
import { bareRemote } from '../servers/git-hosts.ts';
import { git, temporaryDirectory } from './temporary.ts';

/** A repository with a commit, whose configuration, hooks and attributes all try to run `program`. */
function hostile(program: string, hub: string): string {
  const path = join(temporaryDirectory(), 'r.git');
  mkdirSync(path);
  git(path, ['init', '--quiet', '--bare', '--initial-branch=main']);
  const tree = git(path, ['mktree']);
  const commit = git(path, ['commit-tree', tree, '-m', 'x']);
  git(path, ['update-ref', 'refs/heads/main', commit]);

  for (const hook of [
    'pre-push',
    'reference-transaction',
    'post-update',
    'update',
    'pre-receive',
    'fsmonitor-watchman',
  ]) {
    mkdirSync(join(path, 'hooks'), { recursive: true });
    writeFileSync(join(path, 'hooks', hook), `#!/bin/sh\n${program}\n`);
    chmodSync(join(path, 'hooks', hook), 0o755);
  }
  writeFileSync(join(path, 'included'), `[core]\n\tsshCommand = ${program}\n`);
  appendFileSync(
    join(path, 'config'),
    `[core]
	sshCommand = ${program}
	gitProxy = ${program}
	askPass = ${program}
	fsmonitor = ${program}
	alternateRefsCommand = ${program}
	pager = ${program}
	editor = ${program}
	hooksPath = ${join(path, 'hooks')}
[credential]
	helper = !${program}
[protocol "ext"]
	allow = always
[url "ext::${program} "]
	insteadOf = ${hub}
	insteadOf = git://
	insteadOf = https://
	pushInsteadOf = ${hub}
[remote "origin"]
	url = ${hub}
	uploadpack = ${program}
	receivepack = ${program}
	proxy = http://127.0.0.1:1
	vcs = ext
[http]
	proxy = http://127.0.0.1:1
[uploadpack]
	packObjectsHook = ${program}
[include]
	path = ${join(path, 'included')}
[submodule]
	recurse = true
[gc]
	auto = 1
`,
  );
  return path;
}

test("a repository's own configuration runs nothing and leads nowhere else when it is pushed and fetched", async () => {
  const directory = temporaryDirectory();
  const sentinel = join(directory, 'ran');
  const program = join(directory, 'program');
  writeFileSync(program, `#!/bin/sh\ntouch ${sentinel}\nexit 1\n`);
  chmodSync(program, 0o755);
  const hub = bareRemote(join(directory, 'hub.git'));
  const path = hostile(program, hub);

  const repository = await openRepository(path);
  expect((await readRemotes(repository)).get('origin')).toBe(hub);
  const url = parseRemoteUrl(hub, '/');
  const access = { timeout: 5_000 };
  const from = git(path, ['rev-parse', 'main']);
  expect(await pushBranch(repository, url, { from, to: 'refs/heads/main' }, access)).toEqual({ status: 'pushed' });
  expect(git(hub, ['rev-parse', 'main'])).toBe(from);
  expect((await listRemote(repository, url, access)).refs.get('refs/heads/main')).toBe(from);

  const more = git(hub, ['commit-tree', git(hub, ['mktree']), '-p', from, '-m', 'y']);
  git(hub, ['update-ref', 'refs/heads/main', more]);
  const into = 'refs/remotes/origin/main';
  expect(await fetchBranch(repository, url, { ref: 'refs/heads/main', into: [into] }, access)).toBe(more);
  for (const elsewhere of ['git://127.0.0.1:1/x', 'http://127.0.0.1:1/x', 'ssh://127.0.0.1:1/x']) {
    await expect(listRemote(repository, parseRemoteUrl(elsewhere, '/'), access)).rejects.toMatchObject({
      code: 'push',
    });
  }
  expect(existsSync(sentinel)).toBe(false);

  // The traps do work where git is not told otherwise.
  expect(() => git(path, ['fetch', 'origin'])).toThrow();
  expect(existsSync(sentinel)).toBe(true);
});

test('a ref that looks like an option or a pattern of refs is one ref and no more', async () => {
  const directory = temporaryDirectory();
  const hub = bareRemote(join(directory, 'hub.git'));
  const path = bareRemote(join(directory, 'r.git'));
  const commit = git(path, ['commit-tree', git(path, ['mktree']), '-m', 'x']);
  git(path, ['update-ref', 'refs/heads/main', commit]);
  const repository = await openRepository(path);
  const url = parseRemoteUrl(hub, '/');
  await pushBranch(repository, url, { from: commit, to: 'refs/heads/main' }, { timeout: 5_000 });
  const fetched = await fetchBranch(
    repository,
    url,
    { ref: 'refs/heads/absent', into: ['refs/x/y'] },
    { timeout: 5_000 },
  );
  expect(fetched).toBeUndefined();
});
