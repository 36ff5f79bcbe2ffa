import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { readService } from '../../src/operations/read.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { binary, describeWith } from '../servers/binaries.ts';
import { hasZookeeper, zookeeperClasspath } from '../servers/zookeeper.ts';
import { treekeeper } from './run.ts';
import { consulStore, etcdStore, fill, node, type Store, zookeeperStore } from './stores.ts';
import { lines, workspace } from './workspace.ts';

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
/** What a shell, a JSON parser or a command line could take for something else. */
const hostile = [
  '$(touch ran)',
  '`id`',
  "it's",
  'say "hi"',
  'a\\b\\n',
  '100%',
  '-n',
  '--help',
  '#x',
  ';ls',
  '!!',
  '* ?',
  'ümläut',
];
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

/** Everything in a store, one line a node. */
async function contents(store: Store): Promise<string[]> {
  await using service = store.open();
  const found: string[] = [];
  const add = ({ key, value, attributes }: Node) =>
    found.push(`${latin1(key)} ${value && Buffer.from(value).toString('base64')} ${JSON.stringify(attributes)}`);
  await readService(service, { include: [], exclude: [], ephemeral: 'skip' }, { node: add, unreadable: () => {} });
  return found.sort();
}

const dump = (store: Store, format: string) =>
  treekeeper('/tmp', ['dump', store.url(), '--values', '--format', format], store.env);

const hasJava = hasZookeeper() ? [] : ['zookeeper.jar'];
describeWith(
  'etcd',
  'etcdctl',
  'consul',
  'java',
  ...hasJava,
)('input for the programs that services come with', () => {
  test('a shell with etcdctl puts everything as it was, whatever it looks like', async () => {
    await using from = await etcdStore();
    await using to = await etcdStore();
    await fill(from, [
      ...hostile.flatMap((text) => [node(utf8(text), 'v'), node(utf8(`/app/${text}`), text)]),
      node('/bytes', everyByte),
      node('/empty', ''),
      node('/large', 'x'.repeat(300_000)),
      node(`/key\n\n`, 'ends in newlines\n\n'),
      node(Buffer.from(everyByte.subarray(1)).toString('latin1'), 'every byte but NUL'),
    ]);
    const expected = await contents(from);
    await fill(from, [node('/n\0ul', 'x')]);
    await using _ = await from.hold('/held');

    const { status, stdout, stderr } = await dump(from, 'etcdctl');
    expect(status).toBe(3);
    expect(stderr).toContain('left out: /n\\x00ul (an argument of a program cannot hold a NUL)');
    expect(stderr).toContain('1 nodes of running clients were left out');
    expect(stdout).toMatch(/^[\n -~]*$/);
    const endpoint = `http://${to.endpoint.host}:${to.endpoint.port}`;
    execFileSync('sh', {
      input: stdout,
      env: { PATH: `${dirname(binary('etcdctl'))}:${process.env['PATH']}`, ETCDCTL_ENDPOINTS: endpoint },
    });
    expect(await contents(to)).toEqual(expected);
  });

  test('consul kv import takes everything as it was, flags included', async () => {
    await using from = await consulStore();
    await using to = await consulStore();
    await fill(from, [
      ...hostile.map((text) => node(utf8(`app/${text}`), text)),
      node('bytes', everyByte),
      node('empty/', ''),
      node('flags', 'x', { flags: '18446744073709551615' }),
    ]);
    const { status, stdout } = await dump(from, 'consul');
    expect(status).toBe(0);
    const { host, port } = to.endpoint;
    execFileSync(binary('consul'), ['kv', 'import', `-http-addr=${host}:${port}`, '-'], { input: stdout });
    expect(await contents(to)).toEqual(await contents(from));
  });

  test('zkCli makes every node that it can be told, with its ACL, and the others are told', async () => {
    await using from = await zookeeperStore();
    await using to = await zookeeperStore();
    const acl = [
      { scheme: 'world', id: 'anyone', perms: 'rw' },
      { scheme: 'digest', id: 'user:pbYGpgzwsMaYfBsOkTVoyo8QX4Q=', perms: 'cdrwa' },
    ];
    await fill(from, [
      node('/app', null),
      ...hostile.flatMap((text) => [node(utf8(`/app/${text}`), text)]),
      node('/empty', ''),
      node('/secret', 'with an ACL', { acl }),
      node('/locked', null, { acl: [{ scheme: 'ip', id: '10.0.0.0/8', perms: 'r' }] }),
    ]);
    const expected = await contents(from);
    await fill(from, [node('/lines', 'one\ntwo'), node('/binary', everyByte), node('/both', `"it's"`)]);

    const { status, stdout, stderr } = await dump(from, 'zkcli');
    expect(status).toBe(3);
    expect(
      lines(stderr)
        .filter((line) => line.includes('left out'))
        .sort(),
    ).toEqual(
      ['/binary', '/both', '/lines'].map((key) => `treekeeper: left out: ${key} (zkCli cannot be told such a value)`),
    );
    const { host, port } = to.endpoint;
    const java = ['-Dfile.encoding=UTF-8', '-cp', zookeeperClasspath, 'org.apache.zookeeper.ZooKeeperMain'];
    execFileSync(binary('java'), [...java, '-server', `${host}:${port}`], {
      input: stdout,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    expect(await contents(to)).toEqual(expected);
  });
});

test('a live tree is a tree, a list or lines of JSON, and input only with the values', async () => {
  await using space = await workspace();
  const { run } = space;
  expect(lines((await run('dump', 'dir:live')).stdout)).toEqual([
    'app  no value',
    '├── db  no value',
    '│   ├── pool  8 B',
    '│   └── url  15 B',
    '└── motd  6 B',
  ]);
  expect(lines((await run('dump', 'dir:live', '--format', 'list', '--values')).stdout)).toContain(
    'app/motd = "hello\\n"',
  );
  expect((await run('dump', 'dir:live', '--format', 'json')).stdout).toBe(
    (await run('dump', 'dir:live', '--json')).stdout,
  );
  for (const args of [
    ['--format', 'consul'],
    ['--format', 'yaml'],
    ['--json', '--format', 'list'],
  ])
    expect([args, (await run('dump', 'dir:live', ...args)).status]).toEqual([args, 2]);
  const asEtcd = await run('dump', 'dir:live', '--format', 'etcdctl', '--values');
  expect(asEtcd.stdout).toContain("printf 'max: 10\\012' | etcdctl put -- '/app/db/pool'");
});
