import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openForReading } from '../../src/operations/open.ts';
import { locate } from '../../src/operations/revision.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { type Entry, walkSnapshot } from '../../src/snapshot/walk.ts';
import type { Run } from '../commands/run.ts';
import { node, type Store } from '../commands/stores.ts';
import { records } from '../commands/workspace.ts';
import type { Random } from '../random.ts';
import { findBinary } from '../servers/binaries.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';
import type { Subject } from './subject.ts';

/** Ends the subject where the servers are not there. */
export function needServers(subject: Subject): void {
  const missing = ['etcd', 'etcdctl', 'consul', 'java'].filter((name) => findBinary(name) === undefined);
  if (missing.length > 0 || !hasZookeeper()) subject.skip(`servers are missing (npm run servers): ${missing}`);
}

/** A tree of so many leaves below a key, parents first, with values of any bytes and sizes. */
export function randomTree(random: Random, top: string, leaves: number): Node[] {
  const directories = Array.from({ length: 5 }, (_, index) => `${top}/d${index}`);
  return [
    node(top, 'top'),
    ...directories.map((key) => node(key, '')),
    ...Array.from({ length: leaves }, (_, index) =>
      node(`${directories[index % 5]}/n${index}`, random.bytes(random.below(random.below(8) === 0 ? 8_000 : 300))),
    ),
  ];
}

/** The same tree below another key. */
export function relocated(tree: readonly Node[], from: string, to: string): Node[] {
  return tree.map((one) => ({ ...one, key: Buffer.from(to + latin1(one.key).slice(from.length), 'latin1') }));
}

/** What a service has at and below a key, one character a byte, read without a proxy. */
export async function contentOf(store: Pick<Store, 'open'>, top: string): Promise<Map<string, string>> {
  await using service = store.open();
  const found = new Map<string, string>();
  for await (const event of service.read({ prefixes: [Buffer.from(top, 'latin1')] })) {
    if (event.type === 'end') return found;
    for (const { key, value } of event.nodes) {
      const name = latin1(key);
      if (name === top || name.startsWith(`${top}/`)) found.set(name, latin1(value ?? new Uint8Array()));
    }
  }
  throw new Error('the service stopped answering the test itself');
}

/** The repository of a directory, through git itself. */
export function gitIn(directory: string, ...args: string[]): string {
  return execFileSync('git', ['-C', join(directory, 'snapshots.git'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  }).trimEnd();
}

/** What a snapshot has, one character a byte. */
export async function snapshotIn(directory: string, revision = 'latest'): Promise<Map<string, string>> {
  await using opened = await openForReading(join(directory, 'snapshots.git'));
  const { snapshot } = await locate(opened.reader, opened.repository, revision);
  const entries: Entry[] = [];
  await walkSnapshot(snapshot, (entry) => void entries.push(entry));
  const contents = await Promise.all(
    entries.map(({ value }) => (value === null ? new Uint8Array() : snapshot.source.readBlob(value.oid))),
  );
  return new Map(entries.map(({ key }, index) => [latin1(key), latin1(contents[index] ?? new Uint8Array())]));
}

/** A directory of its own for one case, with the repository as it was. */
export function caseDirectory(directory: string, name: string): string {
  const path = join(directory, 'cases', name);
  mkdirSync(path, { recursive: true });
  const repository = join(directory, 'snapshots.git');
  if (existsSync(repository)) cpSync(repository, join(path, 'snapshots.git'), { recursive: true });
  return path;
}

/** What a run with --json reported of this type. */
export function reported(run: Run, type: string): readonly Record<string, unknown>[] {
  return run.stdout === '' ? [] : records(run.stdout).filter((record) => record.type === type);
}
