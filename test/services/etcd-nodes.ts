import type { Service } from '../../src/services/service.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import type { Etcd } from '../servers/etcd.ts';

export const node = (key: string, value: string | Uint8Array) => ({
  key: Buffer.from(key, 'latin1'),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  attributes: undefined,
  ephemeral: undefined,
});

export async function readKeys(service: Service, prefixes: readonly Uint8Array[] = []): Promise<string[]> {
  const keys: string[] = [];
  for await (const event of service.read({ prefixes })) {
    if (event.type === 'batch') keys.push(...event.nodes.map(({ key }) => latin1(key)));
  }
  return keys;
}

export interface Stored {
  readonly value: Uint8Array;
  readonly mod: number;
}

/** What etcdctl sees below a prefix: the witness that shares no code with the driver. */
export async function stored(etcd: Etcd, prefix: string): Promise<Map<string, Stored>> {
  const answer = JSON.parse(await etcd.ctl('get', prefix, '--prefix', '-w', 'json'));
  const entries: { key: string; value?: string; mod_revision: number }[] = answer.kvs ?? [];
  return new Map(
    entries.map(({ key, value = '', mod_revision }) => [
      Buffer.from(key, 'base64').toString('latin1'),
      { value: Buffer.from(value, 'base64'), mod: mod_revision },
    ]),
  );
}
