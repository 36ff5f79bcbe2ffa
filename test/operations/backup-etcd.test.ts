import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backup } from '../../src/operations/backup.ts';
import { openForBackup, openForReading } from '../../src/operations/open.ts';
import { planRestore } from '../../src/operations/plan-restore.ts';
import { applyPlan } from '../../src/operations/restore.ts';
import { locate } from '../../src/operations/revision.ts';
import { openDir } from '../../src/services/dir.ts';
import { openEtcd } from '../../src/services/etcd.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Etcd, startEtcd } from '../servers/etcd.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { keysIn, node, policy } from './snapshots.ts';

const describe = describeWith('etcd', 'etcdctl');

describe('etcd', () => {
  async function workspace(options: Parameters<typeof startEtcd>[0] = {}) {
    const [directory, etcd] = await Promise.all([temporaryDirectory(), startEtcd(options)]);
    const path = join(directory.path, 'repo.git');
    return {
      etcd,
      path,
      directory: directory.path,
      take: async (from: Etcd = etcd, more: object = {}, access: object = {}) => {
        const { repository } = await openForBackup(path, undefined, false);
        await using service = openEtcd({ ...from.address, ...access });
        return await backup(repository, { store: 's', service, policy }, more);
      },
      async [Symbol.asyncDispose]() {
        await etcd[Symbol.asyncDispose]();
        await directory[Symbol.asyncDispose]();
      },
    };
  }

  const nasty = [
    '/a',
    '/a/',
    '/a/b',
    '/a//b',
    '/',
    '//',
    'rel',
    '/A',
    '/con',
    '/.git/x',
    '/x.gpg',
    '/\xff\0',
    '\xff',
    '/big',
    `/${'n'.repeat(400)}`,
  ];

  test('backed up, restored into another etcd and backed up again, it is the same tree', async () => {
    await using space = await workspace();
    await using second = await startEtcd();
    await using service = openEtcd(space.etcd.address);
    const nodes = nasty.map((key, index) =>
      node(key, key === '/big' ? Buffer.alloc(1_400_000, 'x') : `${index}\0\xff`),
    );
    expect((await service.create(nodes)).every(({ status }) => status === 'created')).toBe(true);
    await service.create([node('/empty', '')]);
    const { commit } = await space.take();

    await using opened = await openForReading(space.path);
    const { snapshot } = await locate(opened.reader, opened.repository, 'latest');
    await using target = openEtcd(second.address);
    const request = { snapshot, service: target, below: undefined, moves: [], persistEphemeral: false };
    const outcomes: string[] = [];
    const run = async () =>
      applyPlan(await planRestore(request), target, {
        onDone: (batch) => outcomes.push(...batch.map(({ outcome }) => outcome.status)),
      });
    await run();
    expect(outcomes).toEqual(Array.from({ length: nasty.length + 1 }, () => 'created'));
    await run();
    expect(outcomes.length).toBe(nasty.length + 1);

    const again = await space.take(second, { overridden: new Set(['other-source', 'older-source']) });
    expect(again).toMatchObject({ status: 'unchanged', commit });
  });

  test('a clone, git and a shell give every value back', async () => {
    await using space = await workspace();
    await using service = openEtcd(space.etcd.address);
    const values = Array.from({ length: 256 }, (_, byte) =>
      node(`/bytes/${String.fromCharCode(byte)}`, Uint8Array.of(byte, 10, byte)),
    );
    await service.create(values.filter(({ key }) => !key.includes(0x2f, 7)));
    await space.take();
    const clone = join(space.directory, 'clone');
    execFileSync('git', ['clone', '-q', space.path, clone]);
    const script = `
      cd "$1/s/bytes"
      for file in *; do
        # %XX is a byte, everything else stands for itself
        printf "$(printf %s "$file" | sed 's/%\\([0-9A-F][0-9A-F]\\)/\\\\x\\1/g')" | od -An -tx1 | tr -d ' \\n'
        printf ' '
        od -An -tx1 "$file" | tr -d ' \\n'
        echo
      done`;
    const lines = execFileSync('bash', ['-c', script, 'bash', clone], { encoding: 'utf8' }).trim().split('\n');
    const hex = (byte: number) => byte.toString(16).padStart(2, '0');
    const expected = Array.from({ length: 256 }, (_, byte) => byte)
      .filter((byte) => byte !== 0x2f && byte !== 0)
      .map((byte) => `${hex(byte)} ${hex(byte)}0a${hex(byte)}`);
    expect(lines.filter((line) => !line.endsWith(' 000a00')).sort()).toEqual(expected.sort());
    expect(readFileSync(join(clone, 's/bytes/%00'))).toEqual(Buffer.from([0, 10, 0]));
  });

  test('the guards: another cluster, an older revision, a service that lost its nodes', async () => {
    await using space = await workspace();
    const { etcd, take, path } = space;
    await using service = openEtcd(etcd.address);
    await service.create(Array.from({ length: 250 }, (_, index) => node(`/n/${index}`, '1')));
    await take();
    const before = await keysIn(path);

    await etcd.ctl('del', '/n/1', '/n/9');
    await expect(take()).rejects.toMatchObject({
      code: 'guard',
      message: expect.stringContaining('are gone'),
      hint: expect.stringContaining('--allow-mass-removal'),
    });
    await etcd.ctl('del', '', '--prefix');
    await expect(take()).rejects.toMatchObject({ code: 'guard', message: expect.stringContaining('is empty') });
    expect(await keysIn(path)).toEqual(before);
    expect((await take(etcd, { overridden: new Set(['mass-removal']) })).report).toMatchObject({
      removed: 250,
      nodes: 0,
    });
    expect(await keysIn(path)).toEqual([]);

    await using other = await startEtcd({ args: ['--initial-cluster-token', 'another'] });
    await expect(take(other)).rejects.toMatchObject({
      code: 'guard',
      hint: expect.stringContaining('--allow-other-source'),
    });
    expect((await take(other, { overridden: new Set(['other-source']) })).status).toBe('unchanged');
    // Nothing was committed, and yet it is known from then on.
    expect((await take(other)).status).toBe('unchanged');
    // The snapshot still is that of the first one as well, until there is a new one.
    expect((await take(etcd)).status).toBe('unchanged');
    await other.ctl('put', '/app/x', '1');
    expect((await take(other)).status).toBe('created');
    await expect(take(etcd)).rejects.toMatchObject({ code: 'guard' });
  });

  test('a user who may not read the root node keeps it as it was', async () => {
    await using space = await workspace();
    const { etcd, take, path } = space;
    await etcd.ctl('put', '/app', 'of the node itself');
    await etcd.ctl('put', '/app/x', '1');
    const root = Buffer.from('/app');
    await take(etcd, {}, { root });
    await etcd.ctl('put', '/app/x', '2');
    await etcd.enableAuth();
    const result = await take(etcd, {}, { root, user: 'bob', password: 'bobpw' });
    expect(result.unreadable.map(({ key }) => String(key))).toEqual(['/app']);
    expect(result.report).toMatchObject({ added: 0, changed: 1, removed: 0, unreadable: 1 });
    expect((await keysIn(path)).sort()).toEqual(['/app', '/app/x']);
  });

  test('whatever is there, missing or different, a restore only adds; planned again, it has nothing to do', async () => {
    await using space = await workspace();
    const { etcd, take, path } = space;
    await using service = openEtcd(etcd.address);
    let round = 0;
    const keys = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(keys, keys, keys, async (inSnapshot, deleted, changed) => {
        round += 1;
        const root = `/r${round}`;
        await service.create(inSnapshot.map((number) => node(`${root}/${number}`, `${number}`)));
        await take(etcd, { overridden: new Set(['mass-removal']) });
        for (const number of deleted.slice(0, 5)) await etcd.ctl('del', `${root}/${number}`);
        for (const number of changed.slice(0, 5)) await etcd.ctl('put', `${root}/${number}`, 'changed');
        const state = async () => JSON.parse(await etcd.ctl('get', root, '--prefix', '-w', 'json')).kvs ?? [];
        const before: { key: string; value: string; mod_revision: number }[] = await state();

        await using opened = await openForReading(path);
        const { snapshot } = await locate(opened.reader, opened.repository, 'latest');
        const request = { snapshot, service, below: Buffer.from(root), moves: [], persistEphemeral: false };
        await applyPlan(await planRestore(request), service);
        const after = await state();
        for (const entry of before) expect(after).toContainEqual(entry);
        const missing = inSnapshot.filter(
          (number) => !before.some(({ key }) => Buffer.from(key, 'base64').toString() === `${root}/${number}`),
        );
        expect(after.length).toBe(before.length + missing.length);
        expect((await planRestore(request)).steps.filter(({ verdict }) => verdict === 'create')).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });

  test('ephemeral keys are skipped and counted, or recorded and never restored unless asked', async () => {
    await using space = await workspace();
    const { etcd, path, directory } = space;
    const [, lease = ''] = /lease (\w+) granted/.exec(await etcd.ctl('lease', 'grant', '600')) ?? [];
    await etcd.ctl('put', '/lock', 'mine', `--lease=${lease}`);
    await etcd.ctl('put', '/plain', '1');
    expect((await space.take()).report).toMatchObject({ nodes: 1, skipped: new Map([['ephemeral', 1]]) });

    const { repository } = await openForBackup(path, undefined, false);
    await using service = openEtcd(etcd.address);
    await backup(repository, { store: 's', service, policy: { ...policy, ephemeral: 'record' } });
    expect(await keysIn(path)).toEqual(['/lock', '/plain']);
    await using opened = await openForReading(path);
    const { snapshot } = await locate(opened.reader, opened.repository, 'latest');
    const target = openDir({ path: join(directory, 'target') });
    const request = { snapshot, service: target, below: undefined, moves: [], persistEphemeral: false };
    const verdicts = async (persistEphemeral: boolean) =>
      (await planRestore({ ...request, persistEphemeral })).steps.map(
        ({ verdict, key }) => `${verdict} ${String(key)}`,
      );
    expect(await verdicts(false)).toEqual(['skipped lock', 'create plain']);
    expect(await verdicts(true)).toEqual(['create lock', 'create plain']);
  });
});
