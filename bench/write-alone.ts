// Writes generated nodes into a new repository, with treekeeper's writer or with git fast-import, and prints the seconds
// that took, without those for making up the nodes: write-alone.ts treekeeper|fast-import realistic|flat COUNT REPOSITORY
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeCommit } from '../src/git/commit.ts';
import { OidSet } from '../src/git/oid-set.ts';
import { openPackWriter } from '../src/git/pack-writer.ts';
import { moveBranch } from '../src/git/refs.ts';
import { createRepository, type Repository } from '../src/git/repository.ts';
import { buildTree } from '../src/snapshot/build.ts';
import { layouts } from '../src/snapshot/layout.ts';
import { encodeManifest } from '../src/snapshot/manifest.ts';
import type { Node } from '../src/snapshot/node.ts';
import { directoryMode } from '../src/snapshot/objects.ts';
import { encodeTree } from '../src/snapshot/tree.ts';
import { flatNodes, realisticNodes } from './nodes.ts';

const [writer, shape, count, path = ''] = process.argv.slice(2);
const nodes = (shape === 'flat' ? flatNodes : realisticNodes)(Number(count), 1);
const repository = await createRepository(path);
const start = performance.now();
await (writer === 'fast-import' ? fastImport(repository, nodes) : treekeeper(repository, nodes));
process.stdout.write(`${(performance.now() - start) / 1000}\n`);

async function treekeeper(to: Repository, all: readonly Node[]): Promise<void> {
  const root = new Uint8Array();
  const sink = openPackWriter(to, new OidSet());
  const builder = buildTree({ layout: layouts.etcd, root, sink, ordered: true });
  for (const [index, { key, value }] of all.entries()) {
    builder.add(key, { oid: sink.blob(value ?? root), encrypted: false }, undefined);
    // As often as a service's batches would, which come over a network.
    if (index % 2_000 !== 0) continue;
    await sink.drain();
    await turn();
  }
  const manifest = { service: 'etcd', root, include: [], exclude: [], ephemeral: 'skip' } as const;
  const tree = builder.finish(sink.blob(encodeManifest(manifest)));
  const top = sink.tree(encodeTree([{ mode: directoryMode, name: 'etcd', oid: tree }]));
  const author = { name: 'bench', email: 'bench@localhost' };
  const commit = sink.commit(encodeCommit({ tree: top, parents: [], author, time: 1, message: 'bench\n' }));
  await sink.finish();
  if (!(await moveBranch(to, undefined, commit, 'bench'))) throw new Error('the branch did not move');
}

async function fastImport({ gitDir }: Repository, all: readonly Node[]): Promise<void> {
  const args = [
    '-c',
    'core.fsync=all',
    '-c',
    'fastimport.unpackLimit=1',
    `--git-dir=${gitDir}`,
    'fast-import',
    '--quiet',
    '--done',
  ];
  const git = spawn('git', args, { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(git, 'close');
  let pending: Uint8Array[] = [
    Buffer.from('commit refs/heads/main\ncommitter bench <bench@localhost> 1 +0000\ndata 6\nbench\n\n'),
  ];
  let size = 0;
  for (const { key, value } of all) {
    const content = value ?? new Uint8Array();
    pending.push(
      Buffer.from(`M 100644 inline etcd${Buffer.from(key)}\ndata ${content.length}\n`),
      content,
      Buffer.from('\n'),
    );
    size += content.length + key.length;
    if (size < 1024 * 1024) continue;
    if (!git.stdin.write(Buffer.concat(pending))) await once(git.stdin, 'drain');
    [pending, size] = [[], 0];
  }
  git.stdin.end(Buffer.concat([...pending, Buffer.from('done\n')]));
  const [status] = await ended;
  if (status !== 0) throw new Error(`git fast-import: exit status ${status}`);
}
