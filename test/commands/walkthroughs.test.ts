import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEtcd } from '../../src/services/etcd.ts';
import type { Service } from '../../src/services/service.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Etcd, startEtcd } from '../servers/etcd.ts';
import { bareRemote } from '../servers/git-hosts.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { hasZookeeper, startZookeeper, type Zookeeper } from '../servers/zookeeper.ts';
import { treekeeper } from './run.ts';
import { records } from './workspace.ts';

/* The use cases of README, step by step, with two datacenters of real servers. */

const programs = ['etcd', 'etcdctl', 'java', ...(hasZookeeper() ? [] : ['zookeeper.jar'])];
describeWith(...programs)('two datacenters', () => {
  let us: { readonly etcd: Etcd; readonly zookeeper: Zookeeper };
  let eu: { readonly etcd: Etcd; readonly zookeeper: Zookeeper };
  beforeAll(async () => {
    const start = async () => {
      const [etcd, zookeeper] = await Promise.all([startEtcd(), startZookeeper()]);
      return { etcd, zookeeper };
    };
    [us, eu] = await Promise.all([start(), start()]);
  });
  afterAll(async () => {
    for (const { etcd, zookeeper } of [us, eu]) {
      await etcd[Symbol.asyncDispose]();
      await zookeeper[Symbol.asyncDispose]();
    }
  });

  const etcdUrl = ({ etcd }: typeof us) => `etcd://127.0.0.1:${etcd.endpoints[0]?.port}`;
  const zookeeperUrl = ({ zookeeper }: typeof us) => `zookeeper://127.0.0.1:${zookeeper.endpoint.port}`;

  async function put(service: Service, nodes: { readonly [key: string]: string }): Promise<void> {
    await using open = service;
    const created = await open.create(
      Object.entries(nodes).map(([key, value]) => ({
        key: Buffer.from(key),
        value: Buffer.from(value),
        attributes: undefined,
        ephemeral: undefined,
      })),
    );
    expect(created.every(({ status }) => status === 'created')).toBe(true);
  }
  const dump = async (directory: string, url: string) =>
    records((await treekeeper(directory, ['dump', url, '--values', '--json'])).stdout).map(
      ({ key, value }) => `${key} = ${value}`,
    );

  test('standby: backed up on premises, restored elsewhere, from the remote alone', async () => {
    await using home = await temporaryDirectory();
    await using away = await temporaryDirectory();
    const hub = bareRemote(join(home.path, 'hub.git'));
    await put(openEtcd(us.etcd.address), { '/standby/url': 'postgres://db1', '/standby/pool': '10' });
    const at = { path: home.path, run: (...args: string[]) => treekeeper(home.path, args) };
    expect((await at.run('remote', 'add', 'origin', hub)).status).toBe(0);
    expect((await at.run('backup', `${etcdUrl(us)}/standby`, '--push')).status).toBe(0);

    const plan = await treekeeper(away.path, ['restore', 'latest', etcdUrl(eu), '--repo', `file://${hub}`, '-n']);
    expect(plan.stdout).toContain('plan: 2 to create, 0 same, 0 differ (kept)');
    const restored = await treekeeper(away.path, ['restore', 'latest', etcdUrl(eu), '--repo', `file://${hub}`]);
    expect(restored.status).toBe(0);
    expect(await dump(away.path, `${etcdUrl(eu)}/standby`)).toEqual([
      '/standby/pool = 10',
      '/standby/url = postgres://db1',
    ]);
  });

  test('failover in both directions: each backs up into a host of the other, and is carried on there', async () => {
    await using usHome = await temporaryDirectory();
    await using euHome = await temporaryDirectory();
    // Each datacenter has a Git host, where the other one's snapshots go.
    const hubInUs = bareRemote(join(usHome.path, 'from-eu.git'));
    const hubInEu = bareRemote(join(euHome.path, 'from-us.git'));
    await put(openEtcd(us.etcd.address), { '/us/app': 'one' });
    await put(openZookeeper(us.zookeeper.address), { '/us': 'root', '/us/broker': '1' });
    await put(openEtcd(eu.etcd.address), { '/eu/app': 'eins' });
    await put(openZookeeper(eu.zookeeper.address), { '/eu': 'wurzel', '/eu/broker': '2' });

    const back = async (home: string, hub: string, sources: readonly (readonly [string, string])[]) => {
      await treekeeper(home, ['remote', 'add', 'away', hub]);
      for (const [store, url] of sources) {
        const run = await treekeeper(home, ['backup', url, '--store', store, '--push']);
        expect(run.status).toBe(0);
      }
    };
    await back(usHome.path, hubInEu, [
      ['etcd-us', `${etcdUrl(us)}/us`],
      ['zk-us', `${zookeeperUrl(us)}/us`],
    ]);
    await back(euHome.path, hubInUs, [
      ['etcd-eu', `${etcdUrl(eu)}/eu`],
      ['zk-eu', `${zookeeperUrl(eu)}/eu`],
    ]);

    const carryOn = (home: string, hub: string, store: string, url: string) =>
      treekeeper(home, ['restore', 'latest', url, '--store', store, '--repo', `file://${hub}`]);
    expect((await carryOn(euHome.path, hubInEu, 'etcd-us', etcdUrl(eu))).status).toBe(0);
    expect((await carryOn(euHome.path, hubInEu, 'zk-us', zookeeperUrl(eu))).status).toBe(0);
    expect((await carryOn(usHome.path, hubInUs, 'etcd-eu', etcdUrl(us))).status).toBe(0);
    expect((await carryOn(usHome.path, hubInUs, 'zk-eu', zookeeperUrl(us))).status).toBe(0);
    expect(await dump(euHome.path, `${etcdUrl(eu)}/us`)).toEqual(['/us/app = one']);
    expect(await dump(usHome.path, `${zookeeperUrl(us)}/eu`)).toEqual(['/eu = wurzel', '/eu/broker = 2']);
    expect(await dump(euHome.path, `${zookeeperUrl(eu)}/us`)).toEqual(['/us = root', '/us/broker = 1']);
  });

  test('a machine without git restores from a clone that was copied there', async () => {
    await using home = await temporaryDirectory();
    await using rescue = await temporaryDirectory();
    await put(openZookeeper(us.zookeeper.address), { '/rescue': 'r', '/rescue/a': '1' });
    const hub = bareRemote(join(home.path, 'hub.git'));
    await treekeeper(home.path, ['remote', 'add', 'origin', hub]);
    await treekeeper(home.path, ['backup', `${zookeeperUrl(us)}/rescue`, '--push']);
    execFileSync('git', ['clone', '--quiet', '--bare', hub, join(home.path, 'copy.git')]);
    cpSync(join(home.path, 'copy.git'), join(rescue.path, 'snapshots.git'), { recursive: true });

    const run = await treekeeper(rescue.path, ['restore', 'latest', zookeeperUrl(eu)], { TREEKEEPER_NO_GIT: '1' });
    expect(run).toMatchObject({ status: 0, stdout: expect.stringContaining('restore: 2 created') });
    expect(await dump(rescue.path, `${zookeeperUrl(eu)}/rescue`)).toEqual(['/rescue = r', '/rescue/a = 1']);
  });
});
