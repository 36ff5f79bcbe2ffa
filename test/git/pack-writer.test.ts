import { existsSync, readdirSync, statSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeCommit } from '../../src/git/commit.ts';
import { hashSink } from '../../src/git/hash-sink.ts';
import { OidSet } from '../../src/git/oid-set.ts';
import { openReader } from '../../src/git/open-reader.ts';
import { openPackWriter } from '../../src/git/pack-writer.ts';
import { moveBranch } from '../../src/git/refs.ts';
import type { Repository } from '../../src/git/repository.ts';
import { fsck } from '../../src/git/upkeep.ts';
import type { ObjectSource } from '../../src/snapshot/objects.ts';
import { encodeTree } from '../../src/snapshot/tree.ts';
import { noise } from './noise.ts';
import { emptyRepository, git } from './temporary.ts';

const author = { name: 'Zoë', email: 'zoe@example.org' };
const nowhere: ObjectSource = {
  readTree: (oid) => Promise.reject(new Error(`asked for ${oid}`)),
  readBlob: (oid) => Promise.reject(new Error(`asked for ${oid}`)),
};

/** Everything below objects/, by name. */
function objectFiles({ gitDir }: Repository): string[] {
  return readdirSync(join(gitDir, 'objects'), { recursive: true }).map(String).sort();
}

/** Sizes around every border of the encoding: header digits, stored or deflated, hashed in one piece or not. */
const sizes = [0, 1, 15, 16, 127, 159, 160, 161, 2_047, 2_048, 65_000, 65_536, 70_000, 1_000_000];

describe('the pack writer', () => {
  test('writes what git itself would, byte for byte', async () => {
    const repository = await emptyRepository();
    const contents = sizes.map((size) => Buffer.from(Array.from({ length: size }, (_, at) => (at * at + size) & 0xff)));
    const writer = openPackWriter(repository, new OidSet());
    const blobs = contents.map((content) => writer.blob(content));
    const entries = blobs.map((oid, number) => ({ mode: '100644', name: `f${number}`, oid }));
    const tree = writer.tree(
      encodeTree([...entries, { mode: '40000', name: 'f1.d', oid: writer.tree(encodeTree(entries)) }]),
    );
    const commit = writer.commit(encodeCommit({ tree, parents: [], author, time: 1_700_000_000, message: 'first\n' }));
    await writer.finish();
    expect(await moveBranch(repository, undefined, commit, 'test')).toBe(true);

    const { gitDir } = repository;
    for (const [number, content] of contents.entries()) {
      expect(git(gitDir, ['hash-object', '--stdin'], content)).toBe(blobs[number]);
      expect(git(gitDir, ['cat-file', 'blob', blobs[number] ?? '']), `size ${content.length}`).toBe(
        content.toString('latin1').trimEnd(),
      );
    }
    expect(git(gitDir, ['mktree'], git(gitDir, ['ls-tree', tree]))).toBe(tree);
    expect(git(gitDir, ['log', '--format=%an <%ae> %at %s']).toString()).toBe(
      Buffer.from('Zoë <zoe@example.org> 1700000000 first').toString('latin1'),
    );
    expect(await fsck(repository)).toEqual([]);
  });

  test('gives the same ids as a sink that writes nothing', async () => {
    const writer = openPackWriter(await emptyRepository(), new OidSet());
    const sink = hashSink(new OidSet());
    for (const content of sizes.map((size) => Buffer.alloc(size, 'x')))
      expect(sink.blob(content)).toBe(writer.blob(content));
    expect(sink.tree(Buffer.alloc(0))).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
  });

  test('writes each object once, and none that is known', async () => {
    const repository = await emptyRepository();
    const known = new OidSet();
    known.add(hashSink(known).blob(Buffer.from('known')));

    const writer = openPackWriter(repository, known);
    for (const value of ['known', 'new', 'known', 'new']) writer.blob(Buffer.from(value));
    await writer.finish();
    const [index = ''] = objectFiles(repository).filter((name) => name.endsWith('.idx'));
    expect(
      git(repository.gitDir, ['verify-pack', '-v', `objects/${index}`]).match(/^[0-9a-f]{40} blob/gm),
    ).toHaveLength(1);
  });

  test('leaves no trace where there is nothing to write, or the writing was abandoned', async () => {
    const repository = await emptyRepository();
    const before = objectFiles(repository);
    await openPackWriter(repository, new OidSet()).finish();

    const abandoned = openPackWriter(repository, new OidSet());
    for (let number = 0; number < 200; number++) abandoned.blob(Buffer.alloc(65_536, `${Math.sin(number)}`.repeat(7)));
    await abandoned.abandon();
    await abandoned.abandon();
    expect(objectFiles(repository)).toEqual(before);
  });

  test('shows nothing before it is finished, and reads its own trees and kept blobs back', async () => {
    const repository = await emptyRepository();
    const writer = openPackWriter(repository, new OidSet());
    const blob = writer.blob(Buffer.from('a value'), 'keep');
    const tree = writer.tree(encodeTree([{ mode: '100644', name: 'a', oid: blob }]));

    const over = writer.over(nowhere);
    expect(await over.readTree(tree)).toEqual([{ mode: '100644', name: 'a', oid: blob }]);
    expect(Buffer.from(await over.readBlob(blob)).toString()).toBe('a value');
    await expect(over.readBlob(writer.blob(Buffer.from('not kept')))).rejects.toThrow('asked for');

    await using reader = await openReader(repository);
    await expect(reader.read(tree)).rejects.toMatchObject({ code: 'integrity' });
    await writer.finish();
    expect(await reader.readTree(tree)).toHaveLength(1);
  });

  test('spreads what is too much for one pack over several, with links between them', async () => {
    const repository = await emptyRepository();
    const writer = openPackWriter(repository, new OidSet());
    const entries: { mode: string; name: string; oid: string }[] = [];
    for (let number = 0; number < 40; number++) {
      const oid = writer.blob(noise(number, 500_000));
      entries.push({ mode: '100644', name: `f${number}`, oid });
      await writer.drain();
    }
    const tree = writer.tree(encodeTree(entries));
    const commit = writer.commit(encodeCommit({ tree, parents: [], author, time: 1, message: 'large\n' }));
    await writer.finish();
    await moveBranch(repository, undefined, commit, 'test');

    expect(objectFiles(repository).filter((name) => name.endsWith('.pack')).length).toBeGreaterThan(1);
    expect(objectFiles(repository).filter((name) => name.includes('tmp_objdir'))).toEqual([]);
    expect(await fsck(repository)).toEqual([]);
  });

  test('has most of what it was given on the disk when it has drained, however much comes at once', async () => {
    const repository = await emptyRepository();
    const writer = openPackWriter(repository, new OidSet());
    const objects = join(repository.gitDir, 'objects');
    const [size, perBatch] = [500_000, 20];
    for (let number = 1; number <= 10 * perBatch; number++) {
      writer.blob(noise(number, size));
      if (number % perBatch !== 0) continue;
      await writer.drain();
      const written = objectFiles(repository)
        .filter((name) => name.endsWith('.pack'))
        .reduce((sum, name) => sum + statSync(join(objects, name)).size, 0);
      expect(number * size - written).toBeLessThan(40_000_000);
    }
    await writer.abandon();
  });

  test('refuses what git refuses, and leaves nothing of it', async () => {
    const repository = await emptyRepository();
    const before = objectFiles(repository);
    const writer = openPackWriter(repository, new OidSet());
    writer.tree(encodeTree([{ mode: '100644', name: 'a', oid: '1'.repeat(40) }]));
    await expect(writer.finish()).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('1111111'),
    });
    expect(objectFiles(repository)).toEqual(before);
  });

  test.skipIf(process.getuid?.() === 0)('says that it cannot write into a read-only repository', async () => {
    const repository = await emptyRepository();
    await chmod(join(repository.gitDir, 'objects'), 0o500);
    const writer = openPackWriter(repository, new OidSet());
    writer.blob(Buffer.from('x'));
    await expect(writer.finish()).rejects.toMatchObject({ code: 'failed' });
    expect(existsSync(join(repository.gitDir, 'objects/pack'))).toBe(true);
  });
});

describe('OidSet', () => {
  test('has what was added, and nothing else', () => {
    const set = new OidSet();
    const sink = hashSink(set);
    const oids = Array.from({ length: 20_000 }, (_, number) => sink.blob(Buffer.from(`${number}`)));
    for (const oid of oids.slice(0, 10_000)) expect(set.add(oid)).toBe(true);
    expect(oids.map((oid) => set.has(oid))).toEqual(oids.map((_, number) => number < 10_000));
    expect(set.add(oids[5] ?? '')).toBe(false);
    expect(set.size).toBe(10_000);
  });
});
