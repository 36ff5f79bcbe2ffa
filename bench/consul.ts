import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConsul } from '../src/services/consul.ts';
import { inFlight } from '../test/in-flight.ts';
import { binary } from '../test/servers/binaries.ts';
import { startConsul } from '../test/servers/consul.ts';
import { realisticNodes } from './nodes.ts';
import { type BenchServer, names, type Subject } from './service.ts';

const exporting = 'consul kv export';
const importing = 'consul kv import';
/** More nodes than these take a quarter of an hour, one by one. */
const mostImported = 100_000;

const address = ({ port }: BenchServer) => `-http-addr=127.0.0.1:${port}`;
const consulCommand = (...args: string[]) => ({ command: binary('consul'), args });

/** Consul beside its own `kv export`, `kv import` and `snapshot save`. */
export const consul: Subject = {
  name: 'Consul',
  kind: 'consul',
  nodes: (count) => realisticNodes(count, 1).map((node) => ({ ...node, key: node.key.subarray(1) })),
  start: startServer,
  readers: (full, directory) => [
    { name: exporting, start: () => consulCommand('kv', 'export', address(full)) },
    {
      name: 'consul snapshot save',
      start: () => consulCommand('snapshot', 'save', address(full), join(directory, 'consul.snap')),
    },
  ],
  creators(start, size, directory) {
    if (size > mostImported) return [];
    return [
      {
        name: importing,
        async start() {
          const file = join(directory, 'import.json');
          const pairs = consul.nodes(size).map(({ key, value }) => ({
            key: Buffer.from(key).toString(),
            flags: 0,
            value: Buffer.from(value ?? []).toString('base64'),
          }));
          writeFileSync(file, JSON.stringify(pairs));
          return consulCommand('kv', 'import', address(await start()), `@${file}`);
        },
        once: true,
      },
    ];
  },
  demands: (of) => [
    { what: `${names.read} / ${exporting}`, most: 0.25, measured: of(names.read) / of(exporting) },
    { what: `${names.create} / ${importing}`, most: 0.1, measured: of(names.create) / of(importing) },
    { what: `${names.exists} / ${importing}`, most: 0.02, measured: of(names.exists) / of(importing) },
  ],
};

async function startServer(): Promise<BenchServer> {
  const server = await startConsul();
  const port = String(server.endpoint.port);
  return {
    port,
    open: () => openConsul({ ...server.address, timeout: 60_000 }),
    async change(nodes, value) {
      const put = async (key: Uint8Array) => {
        const answer = await fetch(`http://127.0.0.1:${port}/v1/kv/${Buffer.from(key)}`, {
          method: 'PUT',
          body: value,
        });
        if ((await answer.text()) !== 'true') throw new Error(`Consul did not take ${Buffer.from(key)}`);
      };
      await inFlight(nodes, 32, ({ key }) => put(key));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
