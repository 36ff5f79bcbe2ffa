import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRepository } from '../src/git/repository.ts';
import { encodeManifest } from '../src/snapshot/manifest.ts';
import { seeded } from '../test/random.ts';
import { configurationText, realisticNodes } from './nodes.ts';

/** How many nodes a snapshot changes. */
const changesEach = 10;

/**
 * Makes a repository whose store `etcd` has so many nodes and snapshots, an hour apart and as `treekeeper backup` writes
 * them. By `git fast-import`, since the writer reads all nodes of a service for each. One key, which is answered, changes in
 * every hundredth snapshot.
 */
export async function historyRepository(path: string, nodes: number, snapshots: number): Promise<string> {
  const { gitDir } = await createRepository(path);
  const args = [`--git-dir=${gitDir}`, '-c', 'fastimport.unpackLimit=1', 'fast-import', '--quiet', '--done'];
  const git = spawn('git', args, { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(git, 'close');
  const write = async (chunks: readonly (string | Uint8Array)[]) => {
    if (!git.stdin.write(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))))) await once(git.stdin, 'drain');
  };
  const file = (key: string, content: Uint8Array) => [
    `M 100644 inline etcd${key}\ndata ${content.length}\n`,
    content,
    '\n',
  ];
  const begin = (number: number, added: number, changed: number) => {
    const message = `etcd: ${added} added, ${changed} changed, 0 removed (${nodes} nodes)\n\nStore: etcd\nService: etcd 3.5.16\nRevision: ${nodes + number * changesEach}\nConsistency: exact\nComplete: yes\nNodes: ${nodes}\nTool: treekeeper 0.1.0 (format 1)\n`;
    return `commit refs/heads/main\ncommitter treekeeper <treekeeper@localhost> ${1_700_000_000 + number * 3600} +0000\ndata ${message.length}\n${message}\n`;
  };

  const random = seeded(2);
  const all = realisticNodes(nodes, 1);
  const keys = all.map(({ key }) => Buffer.from(key).toString());
  const watched = keys[Math.floor(nodes / 2)] ?? '';
  const manifest = { service: 'etcd', root: new Uint8Array(), include: [], exclude: [], ephemeral: 'skip' } as const;
  await write([begin(0, nodes, 0), ...file('/%store.json', encodeManifest(manifest))]);
  for (let start = 0; start < all.length; start += 5_000)
    await write(
      all.slice(start, start + 5_000).flatMap(({ key, value }) => file(Buffer.from(key).toString(), value ?? key)),
    );
  for (let number = 1; number < snapshots; number++) {
    const changed = Array.from({ length: changesEach }, () => random.pick(keys));
    if (number % 100 === 0) changed[0] = watched;
    await write([begin(number, 0, changesEach), ...changed.flatMap((key) => file(key, configurationText(random)))]);
  }
  git.stdin.end('done\n');
  const [status] = await ended;
  if (status !== 0) throw new Error(`git fast-import: exit status ${status}`);
  return watched;
}
