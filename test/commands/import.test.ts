import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ZipFile, zip } from '../operations/zip.ts';
import { describeWith } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { treekeeper } from './run.ts';
import { consulStore, etcdStore, zookeeperStore } from './stores.ts';
import { lines, records } from './workspace.ts';

const [december, january] = [1483193387, 1485871787];

/** An archive as burry writes it: a file `content` for each key, and what it says of itself. */
function archive(id: number, svc: string, values: { [path: string]: string }, more: readonly ZipFile[] = []): Buffer {
  const meta = { 'snapshot-date': '2016-12-31T14:09:47Z', svc, 'svc-endpoint': 'host:1234', target: 'local' };
  const files = Object.entries(values).map(([path, content]) => ({ name: `${id}${path}/content`, content }));
  return zip([{ name: `${id}/.burrymeta`, content: JSON.stringify(meta) }, ...files, ...more]);
}

async function burryDirectory(files: { [name: string]: Buffer | string }) {
  const directory = await temporaryDirectory();
  const { path } = directory;
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, 'burry', name, '..'), { recursive: true });
    writeFileSync(join(path, 'burry', name), content);
  }
  const run = (...args: string[]) => treekeeper(path, args);
  return { path, run, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

const zookeeperTree = { '': '', '/app': 'v', '/app/db': 'url-1', '/zookeeper': '', '/zookeeper/quota': '' };

test('archives become snapshots with their own dates, oldest first, and a second time nothing', async () => {
  await using space = await burryDirectory({
    'b.zip': archive(january, 'zk', { ...zookeeperTree, '/app/db': 'url-2' }),
    // As burry names it in S3.
    'zk-backup/1483193387': archive(december, 'zk', zookeeperTree),
    'again.zip': archive(december + 1, 'zk', zookeeperTree),
    'notes.txt': 'no archive',
  });
  const { run } = space;
  const first = await run('import', 'burry', 'burry');
  expect(first.status).toBe(0);
  expect(lines(first.stdout).map((line) => line.replace(/^[0-9a-f]{10}/, 'ID'))).toEqual([
    'ID  2016-12-31 14:09:47Z  zookeeper: 3 added, 0 changed, 0 removed (3 nodes)',
    'ID  2016-12-31 14:09:48Z  zookeeper: no change (3 nodes)',
    'ID  2017-01-31 14:09:47Z  zookeeper: 0 added, 1 changed, 0 removed (3 nodes)',
    'archives: 3 imported',
  ]);
  const log = records((await run('log', '--json')).stdout);
  expect(log.map(({ time }) => time)).toEqual(['2017-01-31T14:09:47.000Z', '2016-12-31T14:09:47.000Z']);
  expect((await run('show', 'latest~1:/app/db')).stdout).toBe('url-1');
  expect(lines((await run('ls')).stdout)).toEqual(['/', '/app', '/app/db']);
  expect((await run('check')).status).toBe(0);

  const again = await run('import', 'burry', 'burry');
  expect(again.status).toBe(0);
  expect(lines(again.stdout).at(-1)).toBe('archives: 0 imported, 3 there already');
});

test('what cannot be told for sure is reported one by one, and the rest is imported', async () => {
  await using space = await burryDirectory({
    'a.zip': archive(december, 'consul', { '/live/hostBURRY_ESC_COLON8983': 'x', '/a/content': 'child' }, [
      { name: `${december}/../../escape/content`, content: 'x' },
      { name: `${december}//content`, content: 'x' },
      { name: 'elsewhere/content', content: 'x' },
      { name: `${december}/stray`, content: 'x' },
      { name: `${december}/twice/content`, content: '1' },
      { name: `${december}/twice/content`, content: '2' },
      { name: `${december}/huge/content`, content: '', size: 2 ** 30 },
      { name: `${december}/flipped/content`, content: 'x', checksum: 1 },
    ]),
    'cut.zip': archive(january, 'consul', { '/a': 'x' }).subarray(0, 100),
    'future.zip': archive(9999999999, 'consul', { '/a': 'x' }),
    'other.zip': zip([{ name: 'readme.txt', content: 'x' }]),
  });
  const before = readdirSync(space.path, { recursive: true });
  const { status, stdout, stderr } = await space.run('import', 'burry', 'burry');
  expect(status).toBe(3);
  const told = lines(stdout).filter((line) => !/^[0-9a-f]{10} /.test(line));
  expect(told).toEqual([
    'ambiguous in 1483193387: 1483193387/live/hostBURRY_ESC_COLON8983/content (taken for the key live/host:8983: burry writes a colon so, and a key that has these very letters as well)',
    'left out in 1483193387: 1483193387/../../escape/content (no path that burry writes)',
    'left out in 1483193387: 1483193387//content (no path that burry writes)',
    'left out in 1483193387: elsewhere/content (not below 1483193387/)',
    'left out in 1483193387: 1483193387/stray (not a file named content)',
    'unreadable in 1483193387: twice (it is in the archive more than once)',
    'unreadable in 1483193387: huge (its value of 1073741824 B is larger than any service takes)',
    'unreadable in 1483193387: flipped (damaged in the archive: its checksum is wrong)',
    'unreadable in 1483193387: a (burry did not save its value: it could not read the node, or a child is named content)',
    'archives: 1 imported, 3 not imported, entries to look at: 9',
  ]);
  expect(stderr).toContain('cut.zip is no whole zip file: ');
  expect(stderr).toContain('future.zip is no archive of burry: its date');
  expect(stderr).toContain('other.zip is no archive of burry: it does not have one directory');
  expect(lines((await space.run('ls')).stdout)).toEqual(['a/content', 'live/host:8983']);
  const after = readdirSync(space.path, { recursive: true }).filter((name) => !`${name}`.startsWith('snapshots.git'));
  expect(after).toEqual(before);
});

test('archives never go before what is there: they get a branch of their own, or nothing happens', async () => {
  await using space = await burryDirectory({ 'a.zip': archive(december, 'etcd', { '/app/a': '1' }), live: 'x' });
  const { run } = space;
  await run('backup', 'dir:burry', '--store', 'other');
  const refused = await run('import', 'burry', 'burry/a.zip');
  expect(refused).toMatchObject({ status: 3, stdout: 'archives: 0 imported, 1 not imported\n' });
  expect(refused.stderr).toMatch(/1483193387 is older than the last snapshot on main.*\n.*--branch burry/);
  expect((await run('import', 'burry', 'burry/a.zip', '--branch', 'burry')).status).toBe(0);
  expect((await run('show', 'burry:/app/a', '--store', 'etcd')).stdout).toBe('1');
});

test('archives of two services need to be told apart, and an empty one is not taken for a deletion', async () => {
  await using space = await burryDirectory({
    'a.zip': archive(december, 'etcd', { '/a': '1', '/b': '2' }),
    'b.zip': archive(january, 'etcd', {}),
    'c/c.zip': zip([{ name: `${january}/a/content`, content: '1' }]),
  });
  const { run } = space;
  const { status, stdout, stderr } = await run('import', 'burry', 'burry/a.zip', 'burry/b.zip');
  expect([status, lines(stdout).at(-1)]).toEqual([3, 'archives: 1 imported, 1 not imported']);
  expect(stderr).toMatch(/the service is empty.*\n.*--allow-mass-removal/);

  expect((await run('import', 'burry', 'burry/c/c.zip')).stderr).toMatch(/does not tell of which service.*\n.*--kind/);
  const mixed = await run('import', 'burry', 'burry/c', 'burry/a.zip', '--kind', 'consul', '--store', 'kv');
  expect(mixed).toMatchObject({ status: 2, stderr: expect.stringContaining('cannot go into one store') });
});

test('a .burryfest becomes a configuration without its secrets, and never replaces one', async () => {
  const credentials = { 'target-endpoint': 's3.amazonaws.com', params: [{ key: 'SECRET_ACCESS_KEY', val: 'hunter2' }] };
  const manifest = { svc: 'zk', 'svc-endpoint': 'leader.mesos:2181', target: 's3', credentials };
  await using space = await burryDirectory({ '.burryfest': JSON.stringify(manifest) });
  const { run } = space;
  const { status, stdout, stderr } = await run('import', 'burry', 'burry');
  expect(status).toBe(0);
  expect(`${stdout}${stderr}`).not.toContain('hunter2');
  expect(stderr).toContain("burry's storage target, s3, has no counterpart");
  const file = join(space.path, 'treekeeper.yaml');
  const config = readFileSync(file, 'utf8');
  expect(config).toContain('service: "zookeeper://leader.mesos:2181"');
  expect(config).not.toContain('hunter2');
  // It is one that treekeeper takes.
  expect((await run('doctor', 'zookeeper', '--timeout', '0.2')).status).toBe(15);
  writeFileSync(file, 'version: 1\n');
  await run('import', 'burry', 'burry/.burryfest');
  expect(readFileSync(file, 'utf8')).toBe('version: 1\n');
});

describeWith(
  'etcd',
  'consul',
  'java',
)('an imported snapshot is an ordinary one', () => {
  test.each([
    ['zookeeper', 'zk', zookeeperStore],
    ['etcd', 'etcd', etcdStore],
    ['consul', 'consul', consulStore],
  ] as const)(
    'that can be restored into a real %s, compared with it, and backed up on top of',
    async (kind, svc, start) => {
      await using store = await start();
      await using space = await burryDirectory({
        'a.zip': archive(december, svc, {
          ...(svc === 'zk' && zookeeperTree),
          '/app/db': 'url-1',
          '/app/hBURRY_ESC_COLON1': '',
        }),
      });
      const run = (...args: string[]) => treekeeper(space.path, args, store.env);
      const url = store.url();
      await run('import', 'burry', 'burry');
      const restored = await run('restore', 'latest', url);
      expect(restored).toMatchObject({ status: 0, stdout: expect.stringContaining('created') });
      expect((await run('verify', 'latest', url)).status).toBe(0);
      expect((await run('diff', 'latest', url, '--exit-code')).stdout).toContain('0 added, 0 changed, 0 removed');
      expect((await run('backup', url, '--store', kind)).stdout).toMatch(/: (0 added, 0 changed, 0 removed|no change)/);
    },
  );
});
