import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEtcd } from '../../src/services/etcd.ts';
import { describeWith } from '../servers/binaries.ts';
import { startEtcd } from '../servers/etcd.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { type Proxy as Relay, startProxy } from '../servers/proxy.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';
import { type Run, treekeeper } from './run.ts';
import { fill, node, type Store, storeKinds } from './stores.ts';

const seconds = 2;
/** A run is over within its deadline, the time to start, and one more try at each of the things that it does. */
const longest = (seconds * 3 + 3) * 1000;
const nodes = 1_000;

const hasJava = hasZookeeper() ? [] : ['zookeeper.jar'];

/** Calls `disturb` in the middle of a run: when half of the answers that an undisturbed one gets have come. */
async function inTheMiddle(
  store: Store,
  run: (url: string) => Promise<Run>,
  again: (url: string) => Promise<Run>,
  disturb: (proxy: Relay) => void,
): Promise<Run & { readonly elapsed: number }> {
  await using quiet = await startProxy(store.endpoint, Number.POSITIVE_INFINITY, () => {});
  const whole = await run(store.url(quiet.endpoint));
  expect(whole).toMatchObject({ status: expect.toSatisfy((status: number) => status === 0 || status === 3) });
  await using proxy = await startProxy(store.endpoint, quiet.answered / 2, disturb);
  const start = Date.now();
  const result = await again(store.url(proxy.endpoint));
  return { ...result, elapsed: Date.now() - start };
}

describeWith(
  'etcd',
  'etcdctl',
  'consul',
  'java',
  ...hasJava,
)('in the middle of a run', () => {
  const kinds = storeKinds.map(({ kind, start, key }) => [kind, start, key('t')] as const);
  const tree = (root: string) => [
    ...(root.startsWith('/') ? [node(root, 'root')] : []),
    ...Array.from({ length: nodes }, (_, index) =>
      node(`${root}/n${String(index).padStart(4, '0')}`, `${index}`.repeat(300)),
    ),
  ];

  async function workspace(start: () => Promise<Store>, root: string) {
    const [directory, store] = await Promise.all([temporaryDirectory(), start()]);
    await fill(store, tree(root));
    const run = (...args: string[]) =>
      treekeeper(directory.path, [...args, '--timeout', String(seconds), '--store', 's'], store.env);
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', join(directory.path, 'snapshots.git'), ...args], { encoding: 'utf8' }).trimEnd();
    return {
      store,
      run,
      git,
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await directory[Symbol.asyncDispose]();
      },
    };
  }

  test.each(kinds)(
    '%s stops or dies: a backup ends in time, and there is no half snapshot',
    async (_kind, start, root) => {
      await using space = await workspace(start, root);
      const { store, run, git } = space;
      await run('backup', store.url());
      const before = git('rev-parse', 'main');
      await fill(store, [node(`${root}/new`, 'x')]);

      const dry = (url: string) => run('backup', url, '-n');
      const stopped = await inTheMiddle(
        store,
        dry,
        (url) => run('backup', url),
        (proxy) => {
          proxy.stall();
          void store.server.pause();
        },
      );
      store.server.resume();
      expect(stopped).toMatchObject({ status: 15, stdout: '' });
      expect(stopped.elapsed).toBeLessThan(longest);
      expect(git('rev-parse', 'main')).toBe(before);
      expect(git('fsck', '--strict')).toBe('');

      const brokenOff = await inTheMiddle(
        store,
        dry,
        (url) => run('backup', url),
        (proxy) => proxy.cut(),
      );
      expect(brokenOff.elapsed).toBeLessThan(longest);
      if (brokenOff.status === 0) expect(git('ls-tree', '-r', '--name-only', 'main').split('\n')).toContain('s/t/new');
      else expect([brokenOff.status, git('rev-parse', 'main')]).toEqual([15, before]);

      const last = git('rev-parse', 'main');
      const died = await inTheMiddle(
        store,
        dry,
        (url) => run('backup', url),
        (proxy) => {
          proxy.cut();
          void store.server.kill();
        },
      );
      expect(died).toMatchObject({ status: 15, stdout: '' });
      expect(died.elapsed).toBeLessThan(longest);
      expect(git('rev-parse', 'main')).toBe(last);
    },
  );

  test.each(kinds)(
    '%s stops: a restore ends in time, changes nothing that is there, and run again does the rest',
    async (_kind, start, root) => {
      await using space = await workspace(start, root);
      const { store, run } = space;
      expect((await run('backup', store.url())).status).toBe(0);
      const kept = (to: string) => `${to}/n0500`;
      await fill(
        store,
        ['a', 'b'].flatMap((name) => [
          ...(root.startsWith('/') ? [node(`${root}-${name}`, 'root')] : []),
          node(kept(`${root}-${name}`), 'of another'),
        ]),
      );
      const restore = (to: string) => (url: string) => run('restore', 'latest', url, '--map', `${root}=${to}`);
      const version = await store.versionOf(kept(`${root}-b`));

      const stopped = await inTheMiddle(store, restore(`${root}-a`), restore(`${root}-b`), (proxy) => {
        proxy.stall();
        void store.server.pause();
      });
      store.server.resume();
      expect(stopped.status).toBe(15);
      expect(stopped.elapsed).toBeLessThan(longest);

      const again = await restore(`${root}-b`)(store.url());
      expect(again).toMatchObject({ status: 3, stdout: expect.stringMatching(/1 differ \(kept\)$/m) });
      const verified = await restore(`${root}-b`)(store.url());
      expect(verified.stdout).toContain('restore: 0 created, ');
      expect(await store.versionOf(kept(`${root}-b`))).toBe(version);
    },
  );

  test('an etcd of three loses its leader: a backup and a restore complete, or say that they did not', async () => {
    await using directory = await temporaryDirectory();
    await using etcd = await startEtcd({ nodes: 3 });
    await using service = openEtcd(etcd.address);
    await service.create(tree('/t'));
    const status: { Status: { header: { member_id: number }; leader: number } }[] = JSON.parse(
      await etcd.ctl('endpoint', 'status', '-w', 'json'),
    );
    const leader = status.findIndex(({ Status }) => Status.leader === Status.header.member_id);
    const others = etcd.endpoints.filter((_, index) => index !== leader).map(({ host, port }) => `${host}:${port}`);
    const endpoint = etcd.endpoints[leader];
    if (!endpoint) throw new Error('there is no leader');

    await using proxy = await startProxy(endpoint, 200_000, () => void etcd.servers[leader]?.kill());
    const url = `etcd://${proxy.endpoint.host}:${proxy.endpoint.port},${others.join(',')}`;
    const run = (...args: string[]) => treekeeper(directory.path, [...args, '--timeout', '5']);
    const first = await run('backup', url);
    if (first.status !== 0) expect(first).toMatchObject({ status: 15, stdout: '' });
    expect((await run('backup', url)).status).toBe(0);
    const names = execFileSync(
      'git',
      ['-C', join(directory.path, 'snapshots.git'), 'ls-tree', '-r', '--name-only', 'main'],
      {
        encoding: 'utf8',
      },
    );
    expect(names.split('\n').filter((name) => name.startsWith('etcd/t/n'))).toHaveLength(nodes);
    expect(await run('restore', 'latest', url, '--map', '/t=/u')).toMatchObject({ status: 0 });
    expect(await run('restore', 'latest', url, '--map', '/t=/u')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('restore: 0 created, 1,001 were there already'),
    });
  });
});
