import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Node } from '../../src/snapshot/node.ts';
import { describeWith } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';
import { treekeeper } from './run.ts';
import { consulStore, etcdStore, fill, node, type Store, zookeeperStore } from './stores.ts';

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const long = 'n'.repeat(250);

const acl = (...entries: readonly (readonly [scheme: string, id: string, perms: string])[]) => ({
  acl: entries.map(([scheme, id, perms]) => ({ scheme, id, perms })),
});
const bob = `bob:${createHash('sha1').update('bob:pw').digest('base64')}`;

const zookeeperTree: readonly Node[] = [
  node('/t', null),
  node('/t/null', null),
  node('/t/empty', ''),
  node('/t/binary', everyByte),
  node('/t/large', Buffer.alloc(1_000_000, 'x')),
  node('/t/both', 'value and children'),
  node('/t/both/child', '1'),
  node('/t/content', 'named like a file of another tool'),
  node('/t/.burrymeta', '1'),
  node('/t/a:b', '1'),
  node('/t/xBURRY_ESC_COLONy', '1'),
  node('/t/.git', '1'),
  node('/t/con', '1'),
  node('/t/%value', '1'),
  node('/t/%attrs.json', '1'),
  node('/t/Foo', '1'),
  node('/t/foo', '2'),
  node(`/t/${long}`, '1'),
  node(utf8('/t/größe 日本'), 'ä'),
  node('/t/read-only', '1', acl(['world', 'anyone', 'r'])),
  node('/t/read-only/child', 'below a node whose ACL lets nobody create', acl(['world', 'anyone', 'r'])),
  node('/t/digest', '1', acl(['digest', bob, 'cdrwa'], ['world', 'anyone', 'r'])),
  node('/t/digest/deep', '1', acl(['digest', bob, 'r'])),
  node('/t/ip', '1', acl(['ip', '127.0.0.1', 'cdrwa'], ['ip', '10.0.0.0/8', 'r'])),
  node('/t/none', '1', acl(['world', 'anyone', 'a'])),
  node('/t/queue', ''),
  node('/t/queue/job-0000000041', '1'),
];

const etcdTree: readonly Node[] = [
  ...[
    'a',
    'a/',
    'a//b',
    '/a',
    '/a/',
    '//a',
    '/',
    '../up',
    './x',
    '.git/config',
    'con',
    'Foo',
    'foo',
    'a:b',
    '%2F%%',
    ' ',
  ].map((key) => node(key, `value of ${key}`)),
  node('bad\xff\xfe', 'not UTF-8'),
  node('nul\0byte', everyByte),
  node('\xff', '1'),
  node('/empty', ''),
  node(`/deep/${`${long}/`.repeat(6)}x`, 'a path that is too long for a file system'),
  node('/large', Buffer.alloc(1_400_000, 'x')),
  node(utf8('/größe 🌳'), 'ä'),
];

const consulTree: readonly Node[] = [
  ...['a', 'a/', 'a//b', '../up', './x', '.git/config', 'con', 'Foo', 'foo', 'a:b', '%2F%%', 'sp ace'].map((key) =>
    node(key, `value of ${key}`),
  ),
  node('folder/', ''),
  node('empty', ''),
  node('binary', everyByte),
  node('large', Buffer.alloc(512 * 1024, 'x')),
  node('flags/most', '1', { flags: '18446744073709551615' }),
  node('flags/lock', '1', { flags: '3304740253564472344' }),
  node('flags/one', '1', { flags: '1' }),
  node(utf8('größe/🌳'), 'ä'),
];

const hasJava = hasZookeeper() ? [] : ['zookeeper.jar'];

describeWith(
  'etcd',
  'etcdctl',
  'consul',
  'java',
  ...hasJava,
)('everything that a service can hold', () => {
  test.each<readonly [string, () => Promise<Store>, readonly Node[], string]>([
    ['etcd', etcdStore, etcdTree, '/held'],
    ['zookeeper', zookeeperStore, zookeeperTree, '/t/held'],
    ['consul', consulStore, consulTree, 'held'],
  ])(
    '%s: backed up, restored into an empty one and backed up again, it is the same tree',
    async (_kind, start, tree, held) => {
      await using directory = await temporaryDirectory();
      const [first, second] = await Promise.all([start(), start()]);
      await using _first = first;
      await using _second = second;
      await fill(first, tree);
      await using _held = await first.hold(held);

      const run = (...args: string[]) => treekeeper(directory.path, args, first.env);
      const before = await run('backup', first.url(), '--store', 'before');
      expect(before).toMatchObject({ status: 0, stdout: expect.stringMatching(/1 ephemeral skipped$/m) });
      const restored = await run('restore', 'latest', second.url(), '--store', 'before');
      expect(restored).toMatchObject({ status: 0, stdout: expect.stringContaining(`restore: ${tree.length} created`) });
      const after = await run('backup', second.url(), '--store', 'after');
      expect(after).toMatchObject({ status: 0, stdout: expect.not.stringContaining('ephemeral') });

      const trees = ['before', 'after'].map((store) =>
        execFileSync('git', ['-C', join(directory.path, 'snapshots.git'), 'rev-parse', `main:${store}`], {
          encoding: 'utf8',
        }),
      );
      expect(trees[1]).toBe(trees[0]);
      const again = await run('restore', 'latest', second.url(), '--store', 'before');
      expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('restore: 0 created') });
    },
  );
});
