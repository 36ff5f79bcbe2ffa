import { expect, test } from 'vitest';
import { describeWith } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';
import { treekeeper } from './run.ts';
import { consulStore, fill, node, zookeeperStore } from './stores.ts';

const refused = (fact: RegExp, flag: string) => ({
  status: 16,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(`${fact.source}[^]*hint: nothing was recorded; .* ${flag}\n`)),
});

describeWith(
  'java',
  'consul',
  ...(hasZookeeper() ? [] : ['zookeeper.jar']),
)('a backup is refused', () => {
  test('of another ZooKeeper than the store was made from, unless that is meant', async () => {
    await using directory = await temporaryDirectory();
    const [first, second] = await Promise.all([zookeeperStore(), zookeeperStore()]);
    await using _first = first;
    await using _second = second;
    await Promise.all([first, second].map((store) => fill(store, [node('/app', '1'), node('/app/a', '1')])));
    const run = (...args: string[]) => treekeeper(directory.path, ['backup', ...args], first.env);
    expect((await run(first.url())).status).toBe(0);
    expect(await run(second.url())).toMatchObject(refused(/the store zookeeper was made from/, '--allow-other-source'));
    expect((await run(second.url(), '--allow-other-source')).status).toBe(0);
  });

  test('of a Consul that went back, and of one that lost its keys', async () => {
    await using directory = await temporaryDirectory();
    const [first, second] = await Promise.all([consulStore(), consulStore()]);
    await using _first = first;
    await using _second = second;
    for (let round = 0; round < 20; round++) await fill(first, [node(`earlier/${round}`, '1')]);
    for (const store of [first, second]) await fill(store, [node('app/a', '1'), node('app/b', '1')]);
    const run = (...args: string[]) => treekeeper(directory.path, ['backup', ...args]);
    expect((await run(`${first.url()}/app/`)).status).toBe(0);
    expect(await run(`${second.url()}/app/`)).toMatchObject(
      refused(/the service is at revision \d+/, '--allow-older-source'),
    );
    expect((await run(`${second.url()}/app/`, '--allow-older-source')).status).toBe(0);
    expect(await run(`${second.url()}/lost/`, '--store', 'consul')).toMatchObject(
      refused(/the service is empty, and the last snapshot has 2 nodes/, '--allow-mass-removal'),
    );
  });
});
