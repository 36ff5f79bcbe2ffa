import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConsulAddress } from '../../src/services/consul/client.ts';
import { openConsul } from '../../src/services/consul.ts';
import type { Reading } from '../../src/services/service.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { testService } from '../contract/service.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Consul, startConsul } from '../servers/consul.ts';
import { limit, node, readAll, readKeys, stored } from './consul-nodes.ts';

const describe = describeWith('consul');

describe('one server', () => {
  let consul: Consul;
  let roots = 0;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul[Symbol.asyncDispose]());

  const open = (root: string, address: Partial<ConsulAddress> = {}) =>
    openConsul({ ...consul.address, root: Buffer.from(root), ...address });

  testService({
    attributes: { flags: '18446744073709551615' },
    async open() {
      const root = `contract${roots++}`;
      const service = open(root);
      return {
        service,
        key: (name) => Buffer.from(`${root}/${name}`, 'latin1'),
        second: async () => open(root),
        witness: async (key) => {
          const found = (await stored(consul, root)).get(Buffer.from(key).toString());
          return found && Buffer.from(found.value, 'base64');
        },
        [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
      };
    },
  });

  test('keys that no path of a URL can carry come and go as they are, in the order of their bytes', async () => {
    await using service = open('');
    const names = [
      '//x',
      '/lead',
      '..',
      '../up',
      './x',
      'h',
      'h/',
      'h/b',
      'h//',
      'h!',
      'h/%2F%25',
      ' h ',
      'h\n',
      'h\0z',
    ];
    const more = ['h\0', 'h/ä日🌳', 'h/\u{fffd}', 'h/\\u003c<&>\u2028"\\', `h/${'n'.repeat(300)}`, 'h?a=b#c'];
    const nodes = [...names, ...more].map((name) => node(name, name));
    const outcomes = await service.create(nodes);
    expect(outcomes).toEqual(nodes.map(() => ({ status: 'created' })));

    const found = (await readAll(service)).nodes.filter(({ key }) => !latin1(key).startsWith('contract'));
    expect(found.map(({ key }) => Buffer.from(key).toString())).toEqual(
      nodes
        .map(({ key }) => Buffer.from(key))
        .sort(Buffer.compare)
        .map(String),
    );
    for (const { key, value } of found) expect(Buffer.from(value ?? []).toString()).toBe(Buffer.from(key).toString());
    const exported: { key: string; value: string }[] = JSON.parse(await consul.ctl('kv', 'export', ''));
    for (const { key } of nodes) {
      const name = Buffer.from(key).toString();
      expect(exported.find((entry) => entry.key === name)?.value).toBe(Buffer.from(key).toString('base64'));
    }
    await consul.api('DELETE', 'kv/?recurse');
  });

  test('a root is the key of that name and what is below it; with a slash at its end only the latter', async () => {
    await using all = open('');
    await all.create(['r/app', 'r/app/', 'r/app/x', 'r/apple', 'r/app0', 'r/ap'].map((key) => node(key, '1')));
    await using withKey = open('r/app');
    await using below = open('r/app/');
    expect(await readKeys(withKey)).toEqual(['r/app', 'r/app/', 'r/app/x']);
    expect(await readKeys(below)).toEqual(['r/app/', 'r/app/x']);
    expect(below.refuse(node('r/app', '1'))).toBe('it is not below the root r/app/');
    expect(withKey.refuse(node('r/apple', '1'))).toBe('it is not below the root r/app');
  });

  test('a root that no path can carry is narrowed to by reading more', async () => {
    await using all = open('');
    await all.create(['//odd/a', '//odd/../b', '//even', '/o', 'odd'].map((key) => node(key, '1')));
    await using odd = open('//odd');
    await using up = open('//odd/../');
    expect(await readKeys(odd)).toEqual(['//odd/../b', '//odd/a']);
    expect(await readKeys(up)).toEqual(['//odd/../b']);
    await consul.api('DELETE', 'kv/?recurse');
  });

  test('prefixes narrow what is asked for, wherever they end', async () => {
    await using service = open('p');
    await service.create(['p', 'p/ä', 'p/ö', 'p/öx', 'p/z'].map((key) => node(key, '1')));
    expect(await readKeys(service, ['p/öx'])).toEqual(['p/öx']);
    expect(await readKeys(service, ['p/ö', 'p/öx'])).toEqual(['p/ö', 'p/öx']);
    expect(await readKeys(service, ['p/ä', 'p/z'])).toEqual(expect.arrayContaining(['p/ä', 'p/z']));
    expect(await readKeys(service, ['elsewhere'])).not.toContain('elsewhere');
    expect(await readKeys(service, [Buffer.from('p/ö').subarray(0, 3)])).toEqual(
      expect.arrayContaining(['p/ä', 'p/öx']),
    );
  });

  test.each(['1', '3304740253564472344', '18446744073709551615'])('flags of %s, to the last bit', async (flags) => {
    await using service = open(`flags${flags}/`);
    const [small, large] = [
      node(`flags${flags}/a`, '1', { flags }),
      node(`flags${flags}/b`, Buffer.alloc(limit), { flags }),
    ];
    expect(await service.create([small, large])).toEqual([{ status: 'created' }, { status: 'created' }]);
    const { nodes } = await readAll(service);
    expect(nodes.map(({ attributes }) => attributes)).toEqual([{ flags }, { flags }]);
    expect(await consul.ctl('kv', 'export', `flags${flags}/`)).toContain(`"flags": ${flags},`);
    expect(await service.create([small, { ...large, attributes: undefined }])).toEqual([
      { status: 'exists', same: true },
      { status: 'exists', same: false },
    ]);
  });

  test('what Consul cannot hold is refused before it is asked', async () => {
    await using service = open('');
    expect(service.refuse(node('', '1'))).toMatch(/empty key/);
    expect(service.refuse({ ...node('a', '1'), value: null })).toMatch(/without a value/);
    expect(service.refuse({ ...node('a', '1'), key: Buffer.from('a\xff', 'latin1') })).toMatch(/UTF-8/);
    expect(service.refuse(node('a', '1', { mode: '0644' }))).toMatch(/attribute mode/);
    expect(service.refuse(node('a', '1', { flags: '18446744073709551616' }))).toMatch(/64 bits/);
    expect(service.refuse(node('a', '1', { flags: 1 }))).toMatch(/64 bits/);
    expect(() => openConsul({ ...consul.address, root: Buffer.from('\xff', 'latin1') })).toThrow('not UTF-8');
  });

  test('a value that the server does not take fails alone', async () => {
    await using service = open('large/');
    const large = Buffer.alloc(limit + 1);
    const path = 'large//only-in-a-transaction';
    const outcomes = await service.create([
      node('large/a', '1'),
      node('large/b', large),
      node(path, large.subarray(1)),
      node('large/c', '3'),
    ]);
    expect(outcomes).toEqual([
      { status: 'created' },
      { status: 'failed', reason: expect.stringMatching(/^request body.* too large, max size: 524288 bytes$/) },
      { status: 'failed', reason: expect.stringMatching(/too large.*can only be created in a transaction/) },
      { status: 'created' },
    ]);
    expect(await service.create([node(path, large.subarray(0, 370_000))])).toEqual([{ status: 'created' }]);
  });

  test('a key whose lock a session holds belongs to a client', async () => {
    const { ID }: { ID: string } = JSON.parse(await consul.api('PUT', 'session/create', '{"LockDelay":"0s"}'));
    await consul.api('PUT', `kv/locked/a?acquire=${ID}`, '1');
    await consul.api('PUT', 'kv/locked/b', '1');
    await using service = open('locked/');
    expect((await readAll(service)).nodes.map(({ ephemeral }) => ephemeral)).toEqual([{ session: ID }, undefined]);
  });

  test('a key that is not UTF-8 is unreadable, and one with U+FFFD in it is not', async () => {
    await consul.api('PUT', 'kv/utf/%FFz', '1');
    await consul.api('PUT', 'kv/utf/%EF%BF%BDz', '2');
    await using service = open('utf/');
    const { nodes, unreadable } = await readAll(service);
    expect(nodes.map(({ key }) => Buffer.from(key).toString())).toEqual(['utf/\u{fffd}z']);
    expect(unreadable).toMatchObject([{ key: Buffer.from('utf/\xffz', 'latin1'), subtree: false }]);
  });

  test('a read is of one moment, and its revision is the index of Consul', async () => {
    await using service = open('moment/');
    await service.create(
      Array.from({ length: 3_000 }, (_, index) => node(`moment/${String(index).padStart(5, '0')}`, 'x'.repeat(2_000))),
    );
    let seen = 0;
    let end: Reading | undefined;
    for await (const event of service.read()) {
      if (event.type === 'end') end = event;
      else {
        if (seen === 0) await consul.api('DELETE', 'kv/moment/?recurse');
        seen += event.nodes.length;
      }
    }
    expect(seen).toBe(3_000);
    expect(end).toMatchObject({ consistency: 'exact', revision: expect.stringMatching(/^\d+$/) });
    const later = await readAll(service);
    expect(later.nodes).toEqual([]);
    expect(BigInt(later.end?.revision ?? 0)).toBeGreaterThan(BigInt(end?.revision ?? 0));
  });

  test('the revision below a root counts all changes, since what Consul says of a prefix may go back', async () => {
    await using service = open('revision/');
    await service.create([node('revision/a', '1'), node('revision/b', '1')]);
    const first = (await readAll(service)).end?.revision;
    await consul.api('PUT', 'kv/elsewhere', '1');
    const [{ ModifyIndex }] = JSON.parse(await consul.api('GET', 'kv/elsewhere'));
    expect(BigInt(ModifyIndex)).toBeGreaterThan(BigInt(first ?? 0));
    expect(BigInt((await readAll(service)).end?.revision ?? 0)).toBeGreaterThanOrEqual(BigInt(ModifyIndex));
  });

  test('what existed has the same bytes and the same index afterwards, whoever else writes', async () => {
    await using service = open('prop');
    await using rival = open('prop');
    const keys = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 200 });
    const values = fc.uint8Array({ maxLength: 40 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(keys, keys, fc.infiniteStream(values), async (existing, wanted, contents) => {
        const base = `prop/${round++}/`;
        const make = (numbers: number[]) =>
          numbers.map((number) => node(`${base}${number}`, contents.next().value ?? new Uint8Array()));
        await service.create(make(existing));
        const before = await stored(consul, base);

        const nodes = make(wanted);
        const [mine, theirs] = await Promise.all([service.create(nodes), rival.create(make(wanted.toReversed()))]);
        const after = await stored(consul, base);
        for (const [key, entry] of before) expect(after.get(key)).toEqual(entry);
        for (const [index, { key, value }] of nodes.entries()) {
          const same = after.get(latin1(key))?.value === Buffer.from(value ?? []).toString('base64');
          if (mine[index]?.status === 'created') expect(same).toBe(true);
          else expect(mine[index]).toEqual({ status: 'exists', same });
        }
        const created = [...mine, ...theirs].filter(({ status }) => status === 'created').length;
        expect(created).toBe(after.size - before.size);
      }),
      { numRuns: 25 },
    );
  });

  test('TLS to a port without', async () => {
    await using secure = open('', { tls: {} });
    await expect(readKeys(secure)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('does not speak TLS'),
    });
  });

  test('over a unix socket', async () => {
    await using service = open('sock', { endpoints: [{ host: consul.socket, port: 0 }] });
    expect(await service.create([node('sock/a', '1')])).toEqual([{ status: 'created' }]);
    expect(await service.create([node('sock/b', 'x'.repeat(400_000))])).toEqual([{ status: 'created' }]);
    expect(await readKeys(service)).toEqual(['sock/a', 'sock/b']);
    expect((await service.identity()).source).toBe(`consul://${encodeURIComponent(consul.socket)}/sock`);
  });

  test('identity is that of the datacenter', async () => {
    await using service = open('app/x y');
    expect(await service.identity()).toEqual({
      version: /Consul v(\S+)/.exec(await consul.ctl('version'))?.[1],
      source: `consul://127.0.0.1:${consul.endpoint.port}/app/x%20y`,
      cluster: 'dc1',
    });
    await using named = open('', { datacenter: 'dc1' });
    expect(await named.identity()).toMatchObject({ cluster: 'dc1' });
    await named.create([node('dc', '1')]);
    expect(await readKeys(named, ['dc'])).toEqual(['dc']);
  });

  test('a datacenter that is not there, and a namespace where there are none', async () => {
    await using elsewhere = open('', { datacenter: 'dc7' });
    await expect(readKeys(elsewhere)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('knows no way to that datacenter'),
    });
    await expect(elsewhere.create([node('x', '1')])).rejects.toMatchObject({ code: 'unreachable' });
    await using team = open('', { namespace: 'team' });
    await expect(readKeys(team)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('Enterprise'),
    });
  });
});
