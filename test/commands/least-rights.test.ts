import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestId } from '../../src/services/zookeeper/acl.ts';
import { describeWith } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';
import { treekeeper } from './run.ts';
import { fill, node, type Store, zookeeperStore } from './stores.ts';
import { records } from './workspace.ts';

const describe = describeWith('java', ...(hasZookeeper() ? [] : ['zookeeper.jar']));

/** A ZooKeeper in which an anonymous client may not read one node, and may not see whole ACLs. */
describe('a user with few rights', () => {
  let zookeeper: Store;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const anonymous = (...args: string[]) => treekeeper(directory.path, args);
  const known = (...args: string[]) => treekeeper(directory.path, args, zookeeper.env);
  beforeAll(async () => {
    [directory, zookeeper] = await Promise.all([temporaryDirectory(), zookeeperStore()]);
    const alice = { scheme: 'digest', id: digestId('alice', 'secret'), perms: 'cdrwa' };
    await fill(zookeeper, [
      node('/app', null),
      node('/app/plain', '1'),
      node('/app/own', '2', { acl: [alice] }),
      node('/app/own/below', '3'),
      node('/app/masked', '4', { acl: [alice, { scheme: 'world', id: 'anyone', perms: 'r' }] }),
      node('/app/masked/below', '5'),
    ]);
  });
  afterAll(async () => {
    await zookeeper[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test('keeps what may not be read as it was in the snapshot before', async () => {
    const url = `${zookeeper.url()}/app`;
    expect(await known('backup', url, '--store', 'kept')).toMatchObject({
      status: 0,
      stderr: expect.not.stringContaining('cannot'),
    });
    expect(await anonymous('backup', url, '--store', 'kept')).toMatchObject({
      status: 3,
      stdout: expect.stringMatching(/^unreadable, kept as it was: \/app\/own \(no permission to read it\)$/m),
      stderr: expect.stringContaining('incomplete: 1 unreadable'),
    });
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', join(directory.path, 'snapshots.git'), ...args], { encoding: 'utf8' });
    expect(git('show', 'main:kept/own/%value', 'main:kept/own/below')).toBe('23');
    expect(git('log', '-1', '--format=%(trailers:key=Complete,valueonly)').trim()).toBe('no (1 unreadable)');
  });

  test('is told of ACLs that are masked, by a backup, by doctor and by the plan of a restore', async () => {
    const url = `${zookeeper.url()}/app/masked`;
    const masked = 'its ACL was masked when it was read, and would lock the node for ever';
    expect(await anonymous('backup', url, '--store', 'masked')).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(`/app/masked cannot be restored from this snapshot: ${masked}`),
    });
    expect((await anonymous('doctor', url)).stdout).toContain(
      `a backup could not be restored at /app/masked: ${masked}`,
    );
    expect((await known('doctor', url)).stdout).not.toContain('masked:');

    const told = records(
      (await anonymous('restore', 'latest', `${zookeeper.url()}/copy`, '--store', 'masked', '--json')).stdout,
    );
    expect(told.filter(({ type }) => type === 'step')).toEqual([
      { type: 'step', verdict: 'refused', key: '/copy', reason: masked },
      { type: 'step', verdict: 'refused', key: '/copy/below', reason: 'the node above it is not created' },
    ]);
    expect(told.at(-1)).toMatchObject({ type: 'restore', created: 0, refused: 2 });
  });

  test('is told which node is missing above a root, before anything is planned', async () => {
    const url = `${zookeeper.url()}/app/plain`;
    expect((await known('backup', url, '--store', 'plain')).status).toBe(0);
    expect(await known('restore', 'latest', `${zookeeper.url()}/no/where`, '--store', 'plain')).toMatchObject({
      status: 15,
      stderr: expect.stringContaining('zookeeper has no node /no, which is above the root /no/where'),
    });
  });
});
