import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConsulAddress } from '../../src/services/consul/client.ts';
import { openConsul } from '../../src/services/consul.ts';
import { describeWith } from '../servers/binaries.ts';
import { type Consul, startConsul } from '../servers/consul.ts';
import { limit, listening, node, proxying, readAll, readKeys, served } from './consul-nodes.ts';

const describe = describeWith('consul');

describe('a server with faults', () => {
  let consul: Consul;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul[Symbol.asyncDispose]());

  const open = (root: string, address: Partial<ConsulAddress> = {}) =>
    openConsul({ ...consul.address, root: Buffer.from(root), ...address });

  test('a consul that does not answer is told within the timeout', async () => {
    await using service = open('', { timeout: 700 });
    await consul.server.pause();
    const start = Date.now();
    try {
      await expect(readKeys(service)).rejects.toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining('did not answer within 0.7 s'),
      });
      await expect(service.create([node('x', '1')])).rejects.toMatchObject({ code: 'unreachable' });
      await expect(service.create([node('x', Buffer.alloc(limit))])).rejects.toMatchObject({ code: 'unreachable' });
      await expect(service.identity()).rejects.toMatchObject({ code: 'unreachable' });
    } finally {
      consul.server.resume();
    }
    expect(Date.now() - start).toBeLessThan(6_000);
  });

  test('an answer that is cut off is no answer, for a read and for a restore', async () => {
    await using service = open('cut/');
    await service.create([node('cut/a', 'x'.repeat(200_000)), node('cut/b', '2')]);
    for (const cutAfter of [1, 100, 250_000]) {
      await using proxy = await proxying(consul, { cutAfter });
      await using through = open('cut/', { endpoints: [{ host: '127.0.0.1', port: proxy.port }], timeout: 700 });
      await expect(readKeys(through)).rejects.toMatchObject({ code: 'unreachable' });
      await expect(through.create([node('cut/a', 'other'), node('cut/c', '3')])).rejects.toMatchObject({
        code: 'unreachable',
      });
    }
  });

  test('a consul that says that it left something out is believed', async () => {
    await using service = open('seen/');
    await service.create([node('seen/a', '1')]);
    await using proxy = await proxying(consul, { added: { 'X-Consul-Results-Filtered-By-ACLs': 'true' } });
    const endpoints = [{ host: '127.0.0.1', port: proxy.port }];
    await using part = open('seen/', { endpoints });
    expect((await readAll(part)).hidden).toBe('the token does not allow to read some of the keys');
    await using nothing = open('unseen/', { endpoints });
    await expect(readKeys(nothing)).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('keys that are in no order are no answer of a consul', async () => {
    const entries = ['a/2', 'a/1'].map((Key) => ({ Key, Value: null, Flags: 0 }));
    const server = createServer((_asked, answer) =>
      answer.setHeader('X-Consul-Index', '7').end(JSON.stringify(entries)),
    );
    await using fake = await served(server, () => server.closeAllConnections());
    await using service = open('', { endpoints: [{ host: '127.0.0.1', port: fake.port }] });
    await expect(readKeys(service)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('does not answer as a consul does: the keys are in no order'),
    });
  });

  test('an index that is no number is no answer of a consul', async () => {
    for (const index of ['7x', '-7', '0x7', '']) {
      await using proxy = await proxying(consul, { added: { 'X-Consul-Index': index } });
      const endpoints = [{ host: '127.0.0.1', port: proxy.port }];
      for (const root of ['', 'index/']) {
        await using service = open(root, { endpoints });
        await expect(readKeys(service), `index ${index}`).rejects.toMatchObject({ code: 'unreachable' });
      }
    }
  });

  test('a consul without a leader is not believed', async () => {
    await using proxy = await proxying(consul, { added: { 'x-consul-knownleader': 'false' } });
    await using service = open('', { endpoints: [{ host: '127.0.0.1', port: proxy.port }] });
    await expect(readKeys(service)).rejects.toMatchObject({ message: expect.stringContaining('has no leader') });
  });

  test('an endpoint that is gone costs a moment, and the other one is asked', async () => {
    await using silent = await listening(() => {});
    const endpoints = [{ host: '127.0.0.1', port: 1 }, { host: '127.0.0.1', port: silent.port }, consul.endpoint];
    await using service = open('over/', { endpoints, timeout: 500 });
    expect(await service.create([node('over/a', '1')])).toEqual([{ status: 'created' }]);
    expect(await readKeys(service)).toEqual(['over/a']);
  });
});
