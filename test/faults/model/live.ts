import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Etcd } from '../../servers/etcd.ts';
import { type Nodes, parentsOf } from './nodes.ts';

/** A live tree that the test changes and looks at by other means than those of treekeeper. */
export interface Live {
  /** For the command line. */
  readonly url: string;
  /** Whether whatever is above a node is a node as well. */
  readonly hasDirectories: boolean;
  write(key: string, value: Buffer): Promise<void>;
  /** With everything below it. */
  remove(key: string): Promise<void>;
  read(): Promise<Nodes>;
  /** What changes whenever somebody writes to the node. */
  versionOf(key: string): Promise<string>;
}

/** The directory `name` in `parent`. */
export function liveDirectory(parent: string, name: string): Live {
  const top = Buffer.from(join(parent, name));
  const pathOf = (key: string) => Buffer.concat([top, Buffer.from('/'), Buffer.from(key, 'latin1')]);
  mkdirSync(top, { recursive: true });

  function collect(directory: string, nodes: Map<string, Buffer | null>): void {
    for (const entry of readdirSync(directory === '' ? top : pathOf(directory), { encoding: 'latin1' })) {
      // What a killed restore leaves: no node, and passed over by whoever reads.
      if (entry.startsWith('.treekeeper-tmp-')) continue;
      const key = directory === '' ? entry : `${directory}/${entry}`;
      const isDirectory = lstatSync(pathOf(key)).isDirectory();
      nodes.set(key, isDirectory ? null : readFileSync(pathOf(key)));
      if (isDirectory) collect(key, nodes);
    }
  }

  return {
    url: `dir:${name}`,
    hasDirectories: true,
    async write(key, value) {
      for (const parent of parentsOf(key)) mkdirSync(pathOf(parent), { recursive: true });
      writeFileSync(pathOf(key), value);
    },
    remove: async (key) => rmSync(pathOf(key), { recursive: true }),
    async read() {
      const nodes = new Map<string, Buffer | null>();
      collect('', nodes);
      return nodes;
    },
    async versionOf(key) {
      const { ino, mtimeNs, ctimeNs } = lstatSync(pathOf(key), { bigint: true });
      return `${ino} ${mtimeNs} ${ctimeNs}`;
    },
  };
}

/** The keys of an etcd below a prefix, which etcdctl writes and reads. */
export function liveEtcd(etcd: Etcd, prefix: string): Live {
  const [endpoint] = etcd.endpoints;
  const keyOf = (key: string) => `${prefix}${Buffer.from(key, 'latin1')}`;
  return {
    url: `etcd://${endpoint?.host}:${endpoint?.port}${prefix}`,
    hasDirectories: false,
    write: async (key, value) => void (await etcd.ctl('put', '--', keyOf(key), value.toString())),
    async remove(key) {
      await etcd.ctl('del', '--', keyOf(key));
      await etcd.ctl('del', '--prefix', '--', `${keyOf(key)}/`);
    },
    async read() {
      const { kvs = [] } = JSON.parse(await etcd.ctl('get', '--prefix', '-w', 'json', '--', prefix));
      return new Map(
        (kvs as { key: string; value?: string }[]).map(({ key, value = '' }) => [
          Buffer.from(key, 'base64').toString('latin1').slice(prefix.length),
          Buffer.from(value, 'base64'),
        ]),
      );
    },
    async versionOf(key) {
      const { kvs } = JSON.parse(await etcd.ctl('get', '-w', 'json', '--', keyOf(key)));
      return String(kvs[0].mod_revision);
    },
  };
}
