import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';
import { treekeeper } from './run.ts';
import { consulStore, etcdStore, fill, node, type Store, zookeeperStore } from './stores.ts';

const hasJava = hasZookeeper() ? [] : ['zookeeper.jar'];

describeWith(
  'etcd',
  'etcdctl',
  'consul',
  'java',
  ...hasJava,
)('from one service to another', () => {
  let etcd: Store;
  let zookeeper: Store;
  let consul: Store;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const run = (...args: string[]) => treekeeper(directory.path, args, zookeeper.env);
  beforeAll(async () => {
    directory = await temporaryDirectory();
    [etcd, zookeeper, consul] = await Promise.all([etcdStore(), zookeeperStore(), consulStore()]);
    const acl = { acl: [{ scheme: 'world', id: 'anyone', perms: 'r' }] };
    await fill(zookeeper, [
      node('/zk', 'root'),
      node('/zk/null', null),
      node('/zk/plain', '1'),
      node('/zk/guarded', '2', acl),
      node('/zk/guarded/below', 'in a node that etcd cannot hold, which needs none above'),
      node('/zk/both', 'b'),
      node('/zk/both/child', 'c'),
    ]);
    await fill(etcd, [
      ...['/et/a', '/et/a/b', '/et//two', '/et/dir/', '/et/./dot', '/et/deep/er/x'].map((key) =>
        node(key, `value of ${key}`),
      ),
      node('/et/bad\xff', 'not UTF-8'),
    ]);
    await fill(consul, [
      node('co/a', '1'),
      node('co/folder/', ''),
      node('co/flagged', '2', { flags: '42' }),
      node('co/flagged/below', '3'),
      node('co/x//y', '3'),
    ]);
    for (const [store, { url }, root] of [
      ['zk', zookeeper, '/zk'],
      ['et', etcd, '/et'],
      ['co', consul, '/co'],
    ] as const) {
      expect((await run('backup', url() + root, '--store', store)).status).toBe(0);
    }
  });
  afterAll(async () => {
    await Promise.all([etcd, zookeeper, consul].map((store) => store[Symbol.asyncDispose]()));
    await directory[Symbol.asyncDispose]();
  });

  /** What a plan says that it would create, and what the target cannot hold with the reason. */
  async function plan(store: string, url: string, ...more: string[]) {
    const { stdout } = await run('restore', 'latest', url, '--store', store, '-n', '--json', ...more);
    const steps = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === 'step');
    const name = ({ key }: { key: string | { base64: string } }) =>
      typeof key === 'string' ? key : Buffer.from(key.base64, 'base64').toString('latin1');
    return {
      create: steps.filter(({ verdict }) => verdict === 'create').map(name),
      refused: Object.fromEntries(
        steps.filter(({ verdict }) => verdict === 'refused').map((step) => [name(step), step.reason]),
      ),
    };
  }

  test.each<readonly [string, string, () => Store, readonly string[], { readonly [key: string]: RegExp }]>([
    [
      'zk',
      'etcd',
      () => etcd,
      ['/zk', '/zk/both', '/zk/both/child', '/zk/guarded/below', '/zk/plain'],
      {
        '/zk/null': /without (a )?value|no value|null/i,
        '/zk/guarded': /acl/i,
      },
    ],
    [
      'et',
      'zookeeper',
      () => zookeeper,
      ['/et', '/et/a', '/et/a/b', '/et/deep', '/et/deep/er', '/et/deep/er/x'],
      {
        '/et//two': /empty/,
        '/et/dir/': /slash|empty/,
        '/et/./dot': /\./,
        '/et/bad\xff': /UTF-8/,
      },
    ],
    [
      'co',
      'zookeeper',
      () => zookeeper,
      ['/co', '/co/a'],
      {
        '/co/folder/': /slash|empty/,
        '/co/flagged': /flags/,
        '/co/flagged/below': /the node above it is not created/,
        '/co/x//y': /empty/,
      },
    ],
    [
      'zk',
      'consul',
      () => consul,
      ['zk', 'zk/both', 'zk/both/child', 'zk/guarded/below', 'zk/plain'],
      {
        'zk/null': /value/,
        'zk/guarded': /acl/i,
      },
    ],
  ])(
    'from %s to %s: what the target cannot hold is named with its reason, and the rest is created',
    async (store, _kind, target, create, refused) => {
      const { url } = target();
      const planned = await plan(store, url());
      expect(planned.create.sort()).toEqual([...create].sort());
      expect(planned.refused).toEqual(
        Object.fromEntries(Object.entries(refused).map(([key, reason]) => [key, expect.stringMatching(reason)])),
      );
      expect(await run('restore', 'latest', url(), '--store', store, '--strict')).toMatchObject({ status: 3 });
      expect((await plan(store, url())).create).toHaveLength(create.length);

      const done = await run('restore', 'latest', url(), '--store', store);
      expect(done).toMatchObject({ status: 3, stdout: expect.stringContaining(`restore: ${create.length} created`) });
      expect((await plan(store, url())).create).toEqual([]);
    },
  );

  test('from each of them to a directory', async () => {
    const path = join(directory.path, 'files');
    mkdirSync(path);
    for (const store of ['zk', 'et', 'co']) {
      const done = await run('restore', 'latest', `dir:${path}`, '--store', store);
      const counts = /restore: (\d+) created/.exec(done.stdout);
      expect(done.status).toBe(3);
      expect(Number(counts?.[1])).toBeGreaterThan(1);
      if (store !== 'co')
        expect(done.stdout).toMatch(/x cannot be created: (zk|zk\/both|et\/a) \(it has a value and children/);
    }
    expect(readdirSync(path).sort()).toEqual(['co', 'et', 'zk']);
    expect(readFileSync(join(path, 'zk/plain'), 'utf8')).toBe('1');
    expect(readFileSync(join(path, 'et/deep/er/x'), 'utf8')).toBe('value of /et/deep/er/x');
    expect(readFileSync(join(path, 'co/a'), 'utf8')).toBe('1');
  });
});
