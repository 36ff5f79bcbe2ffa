import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { treekeeper } from './run.ts';
import { lines, records, workspace } from './workspace.ts';

/** A store of the configuration, backed up once, whose commit can be made to say something else. */
async function monitored(more = '') {
  const space = await workspace();
  const { path, run, git } = space;
  writeFileSync(join(path, 'treekeeper.yaml'), `version: 1\nstores:\n  live: { service: "dir:live" }\n${more}`);
  await run('backup', 'live');
  const rewrite = (edit: (message: string) => string, time: number) => {
    const message = edit(git('log', '-1', '--format=%B'));
    const date = `${Math.floor(time / 1000)} +0000`;
    const who = { GIT_AUTHOR_NAME: 'x', GIT_AUTHOR_EMAIL: 'x', GIT_COMMITTER_NAME: 'x', GIT_COMMITTER_EMAIL: 'x' };
    const commit = execFileSync('git', ['-C', join(path, 'snapshots.git'), 'commit-tree', 'main^{tree}'], {
      input: message,
      encoding: 'utf8',
      env: { ...process.env, ...who, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    });
    git('update-ref', 'refs/heads/main', commit.trim());
  };
  return {
    ...space,
    rewrite,
    status: async (...args: string[]) => {
      const result = await run('status', '--json', ...args);
      return [result.status, records(result.stdout)] as const;
    },
  };
}

const threeHours = 3 * 3_600_000;

test('the age that counts is the time since a backup last found the store to be as the service is', async () => {
  await using space = await monitored();
  const { path, run, status, rewrite } = space;
  expect((await status('--max-age', '1m'))[0]).toBe(0);
  expect((await status('--max-age', 'soon'))[0]).toBe(2);

  rewrite((message) => message, Date.now() - threeHours);
  const clone = join(path, 'clone.git');
  execFileSync('git', ['clone', '--quiet', '--bare', join(path, 'snapshots.git'), clone]);
  const elsewhere = await treekeeper(path, ['status', '--max-age', '2h', '--repo', clone]);
  expect(elsewhere).toMatchObject({ status: 3, stdout: expect.stringContaining('! is older than 2 h') });
  expect((await status('--max-age', '4h'))[0]).toBe(0);

  expect((await run('backup', 'live')).stdout).toContain('no change');
  const [code, [store]] = await status('--max-age', '1m');
  expect([code, store.problems]).toEqual([0, []]);
  expect(Date.parse(store.confirmed) - Date.parse(store.time)).toBeGreaterThan(threeHours - 60_000);
  expect((await run('status')).stdout).toMatch(/snapshot [0-9a-f]{10}, 3 h( \d+ s)? old, found unchanged \d+ s ago/);
});

test('a history that begins afresh makes no store younger', async () => {
  await using space = await monitored();
  const { path, run, status, rewrite } = space;
  rewrite((message) => message, Date.now() - threeHours);
  rmSync(join(path, 'snapshots.git/treekeeper/run-live'));
  expect((await run('archive')).status).toBe(0);
  const [code, [store]] = await status('--max-age', '2h');
  expect([code, store.problems]).toEqual([3, ['is older than 2 h']]);
});

test('what was found of one store says nothing of another that has the same nodes', async () => {
  await using space = await monitored();
  const { path, run, status, rewrite } = space;
  await run('backup', 'dir:live', '--store', 'twin');
  rewrite((message) => message, Date.now() - threeHours);
  expect((await run('backup', 'live')).stdout).toContain('no change');
  const note = (store: string) => join(path, 'snapshots.git/treekeeper', `run-${store}`);
  cpSync(note('live'), note('twin'));
  const [code, stores] = await status('--max-age', '1h');
  expect(code).toBe(3);
  expect(stores.slice(0, 2)).toMatchObject([{ problems: [] }, { problems: ['is older than 1 h'] }]);
});

test('a snapshot that is incomplete, and a store that was never backed up, are told', async () => {
  await using space = await monitored();
  const { status, rewrite, path } = space;
  rewrite(
    (message) => message.replace('Complete: yes', 'Complete: no (1,203 unreadable)\nSkipped: 3 ephemeral, 12 excluded'),
    Date.now(),
  );
  const [code, [store]] = await status();
  expect(code).toBe(3);
  expect(store).toMatchObject({ complete: false, unreadable: 1203, skipped: { ephemeral: 3, excluded: 12 }, nodes: 5 });

  writeFileSync(join(path, 'treekeeper.yaml'), 'version: 1\nstores:\n  new: { service: "dir:new" }\n');
  const [, stores] = await status();
  expect(stores[1]).toEqual({ type: 'store', store: 'new', problems: ['was never backed up'] });
});

test('with --live the drift is told, and nothing is read without', async () => {
  await using space = await monitored();
  const { path, run, write, status, git } = space;
  const before = git('rev-parse', 'main');
  expect((await status('--live'))[1][0].drift).toEqual({ added: 0, changed: 0, removed: 0, unreadable: 0 });
  write('app/motd', 'edited');
  write('app/new', '1');
  const [code, [store]] = await status('--live');
  expect([code, store.drift]).toEqual([4, { added: 1, changed: 1, removed: 0, unreadable: 0 }]);
  expect((await status())[0]).toBe(0);
  expect(git('rev-parse', 'main')).toBe(before);

  writeFileSync(join(path, 'treekeeper.yaml'), 'version: 1\nstores:\n  live: { service: "etcd://127.0.0.1:1" }\n');
  expect(await run('status', '--live')).toMatchObject({
    status: 15,
    stdout: expect.stringContaining('drift cannot be told: etcd at 127.0.0.1:1'),
  });
});

test('remotes that backups are pushed to, and what they lack', async () => {
  await using space = await monitored('remotes:\n  - { name: origin, url: "./remote.git", push: true }\n');
  const { path, run, write, status } = space;
  const [code, told] = await status();
  expect([code, told.at(-1)]).toEqual([6, { type: 'status', problems: 1 }]);
  execFileSync('git', ['init', '--quiet', '--bare', join(path, 'remote.git')]);
  expect((await status())[1][1]).toMatchObject({ type: 'remote', remote: 'origin', push: true, unpushed: 2 });
  expect((await run('push')).status).toBe(0);
  expect((await status())[0]).toBe(0);
  write('app/new', '1');
  await run('backup', 'live', '--no-push');
  const late = await run('status');
  expect([late.status, lines(late.stdout).at(-1)]).toEqual([6, '  ! lacks 1 commit']);

  const rescue = await treekeeper(path, ['status'], { TREEKEEPER_NO_GIT: '1' });
  expect(rescue).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('6 nodes'),
    stderr: expect.stringContaining('TREEKEEPER_NO_GIT'),
  });
});
