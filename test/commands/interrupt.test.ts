import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../servers/process.ts';
import { startTreekeeper, treekeeper } from './run.ts';

/** Takes connections, and never says a word. */
async function startSilence() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}).resume()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    connected: once(server, 'connection'),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const verbs = {
  backup: (url: string) => ['backup', url, '--store', 's'],
  restore: (url: string) => ['restore', 'latest', url, '--store', 's'],
  diff: (url: string) => ['diff', 'latest', url, '--store', 's'],
  dump: (url: string) => ['dump', url],
  doctor: (url: string) => ['doctor', url],
};

test.each(['etcd', 'zookeeper', 'consul'])(
  'no answer of a silent %s is waited for once a run is interrupted',
  async (kind) => {
    await using directory = await temporaryDirectory();
    mkdirSync(join(directory.path, 'live'));
    writeFileSync(join(directory.path, 'live', 'key'), 'value');
    expect(await treekeeper(directory.path, ['backup', 'dir:live', '--store', 's'])).toMatchObject({ status: 0 });
    for (const [verb, args] of Object.entries(verbs)) {
      await using silence = await startSilence();
      const url = `${kind}://127.0.0.1:${silence.port}`;
      const run = startTreekeeper(directory.path, [...args(url), '--timeout', '3600']);
      await silence.connected;
      process.kill(run.pid, 'SIGINT');
      expect(await run.ended, verb).toMatchObject({ status: 130, stderr: expect.stringContaining('stopped') });
    }
    // The lock is free, and nothing was left behind.
    expect(await treekeeper(directory.path, ['backup', 'dir:live', '--store', 's'])).toMatchObject({ status: 0 });
  },
);
