import { Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { MessageWriter } from '../../src/services/etcd/protobuf.ts';
import { openEtcd } from '../../src/services/etcd.ts';
import type { Service } from '../../src/services/service.ts';
import { readKeys } from './etcd-nodes.ts';

/** Answers every range with these keys: what no etcd does, and bytes that were changed on their way may look like. */
function answering(keys: readonly string[], count = keys.length): Promise<AsyncDisposable & { readonly port: number }> {
  return answeringWith(answerOf(keys, count));
}

function answerOf(keys: readonly string[], count: number, more = false): Buffer {
  const writer = new MessageWriter().message(1, (header) => header.int(3, 7));
  for (const key of keys) writer.message(2, (entry) => entry.bytes(1, Buffer.from(key)));
  return writer.int(3, Number(more)).int(4, count).finish();
}

/** The last answer is given again and again. */
async function answeringWith(...answers: Buffer[]): Promise<AsyncDisposable & { readonly port: number }> {
  const bytes = (message: Buffer) => message;
  const next = () => (answers.length > 1 ? answers.shift() : answers[0]) ?? Buffer.alloc(0);
  const Range = {
    path: '/etcdserverpb.KV/Range',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  const server = new Server();
  server.addService(
    { Range },
    { Range: (_call: unknown, done: (error: null, answer: Buffer) => void) => done(null, next()) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, [Symbol.asyncDispose]: async () => server.forceShutdown() };
}

function openAt({ port }: { readonly port: number }): Service {
  return openEtcd({ endpoints: [{ host: '127.0.0.1', port }], root: Buffer.from('/t/'), timeout: 5_000 });
}

test.each([
  ['in no order', ['/t/b', '/t/a']],
  ['twice', ['/t/a', '/t/a']],
  ['before what was asked for', ['/s', '/t/a']],
  ['behind what was asked for', ['/t/a', '/u']],
])('keys %s are no answer of an etcd', async (_what, keys) => {
  await using fake = await answering(keys);
  await using service = openAt(fake);
  await expect(readKeys(service)).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('does not answer as an etcd does'),
  });
});

test.each([0, 1, 3])('two keys that are said to be %i are no answer of an etcd', async (count) => {
  await using fake = await answering(['/t/a', '/t/b'], count);
  await using service = openAt(fake);
  await expect(readKeys(service)).rejects.toMatchObject({ code: 'unreachable' });
});

test('pages that have not the keys that the first one said are no answer of an etcd', async () => {
  await using fake = await answeringWith(answerOf(['/t/a', '/t/b'], 4, true), answerOf(['/t/d'], 1));
  await using service = openAt(fake);
  await expect(readKeys(service)).rejects.toMatchObject({ code: 'unreachable' });
});

test.each([
  ['of no bytes at all', Buffer.alloc(0)],
  ['of zeros', Buffer.alloc(100)],
])('one %s is no answer of an etcd, and not an empty one', async (_what, answer) => {
  await using fake = await answeringWith(answer);
  await using service = openAt(fake);
  await expect(readKeys(service)).rejects.toMatchObject({ code: 'unreachable' });
});

test('keys that were asked for, in order, are one', async () => {
  await using fake = await answering(['/t/a', '/t/a/b', '/t/b']);
  await using service = openAt(fake);
  expect(await readKeys(service)).toEqual(['/t/a', '/t/a/b', '/t/b']);
});
