import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { encodeCommit } from '../../src/git/commit.ts';
import { OidSet } from '../../src/git/oid-set.ts';
import { openPackWriter } from '../../src/git/pack-writer.ts';
import { moveBranch, readBranch } from '../../src/git/refs.ts';
import { createRepository, type Repository } from '../../src/git/repository.ts';
import { openScratch } from '../../src/git/scratch.ts';
import { fsck } from '../../src/git/upkeep.ts';
import { encodeTree } from '../../src/snapshot/tree.ts';
import { mountTmpfs } from '../servers/tmpfs.ts';
import { noise } from './noise.ts';
import { temporaryDirectory } from './temporary.ts';

const disk = join(temporaryDirectory(), 'disk');
const mounted = mountTmpfs(disk, '1m');
afterAll(() => {
  if (mounted) execFileSync('/bin/umount', [disk]);
});

/** Writes a snapshot of one value of so many bytes, and moves the branch to it. */
async function write(repository: Repository, size: number): Promise<string> {
  const writer = openPackWriter(repository, new OidSet());
  const tree = writer.tree(encodeTree([{ mode: '100644', name: 'a', oid: writer.blob(noise(size, size)) }]));
  const commit = writer.commit(
    encodeCommit({ tree, parents: [], author: { name: 'a', email: 'a@b' }, time: size, message: 'x\n' }),
  );
  await writer.finish();
  if (!(await moveBranch(repository, await readBranch(repository), commit, 'x')))
    throw new Error('somebody else moved the branch');
  return commit;
}

test.skipIf(!mounted)('a full disk costs the snapshot that did not fit, and nothing else', async () => {
  const repository = await createRepository(join(disk, 'r.git'));
  const first = await write(repository, 100_000);

  await expect(write(repository, 2_000_000)).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringMatching(/space/i),
  });
  expect(await readBranch(repository)).toBe(first);
  expect(await fsck(repository)).toEqual([]);
  expect(readdirSync(join(repository.gitDir, 'objects')).filter((name) => name.startsWith('tmp_'))).toEqual([]);

  const second = await write(repository, 200_000);
  expect(await readBranch(repository)).toBe(second);
});

test.skipIf(!mounted)('a full disk does not keep git from talking to a remote', async () => {
  const repository = await createRepository(join(disk, 'remote.git'));
  const filler = join(disk, 'filler');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  {
    await using elsewhere = await openScratch(repository, 'push');
    expect(existsSync(join(elsewhere.gitDir, 'HEAD'))).toBe(true);
    expect(elsewhere.gitDir.startsWith(disk)).toBe(false);
  }
  rmSync(filler);
  expect(readdirSync(join(repository.gitDir, 'treekeeper'))).toEqual([]);
  await using scratch = await openScratch(repository, 'push');
  expect(readdirSync(join(repository.gitDir, 'treekeeper'))).toEqual([basename(scratch.gitDir)]);
});
