import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { measurePacks } from '../../src/git/pack-size.ts';
import { backup } from '../../src/operations/backup.ts';
import { keepUp } from '../../src/operations/keep-up.ts';
import { maintain } from '../../src/operations/maintain.ts';
import { openForBackup } from '../../src/operations/open.ts';
import { openDir } from '../../src/services/dir.ts';
import { git } from '../git/temporary.ts';
import { temporaryDirectory } from '../servers/process.ts';

test('many small packs are joined after a backup now and then, and nothing is lost', { timeout: 120_000 }, async () => {
  await using directory = await temporaryDirectory();
  const live = join(directory.path, 'live');
  mkdirSync(live);
  const { repository } = await openForBackup(join(directory.path, 'r.git'), undefined, false);
  const policy = { include: [], exclude: [], ephemeral: 'skip' } as const;
  for (let round = 0; round < 55; round++) {
    writeFileSync(join(live, 'a'), `round ${round}`);
    await backup(repository, { store: 's', service: openDir({ path: live }), policy });
    if (round === 20) expect(await keepUp(repository)).toBeUndefined();
  }
  // One for the files at the top, one a snapshot: so few were left alone before.
  expect((await measurePacks(repository)).packs).toBe(56);
  expect(await keepUp(repository)).toBeUndefined();
  expect((await measurePacks(repository)).packs).toBeLessThan(10);
  expect(git(repository.gitDir, ['log', '--format=%s', 'main']).split('\n')).toHaveLength(56);

  const { after } = await maintain(repository);
  expect(after.packs).toBe(1);
  expect(git(repository.gitDir, ['show', 'main~54:s/a'])).toBe('round 0');
  expect(git(repository.gitDir, ['fsck', '--strict'])).toBe('');
});

test('what a killed maintenance left stops no other', async () => {
  await using directory = await temporaryDirectory();
  const live = join(directory.path, 'live');
  mkdirSync(live);
  writeFileSync(join(live, 'a'), 'x');
  const { repository } = await openForBackup(join(directory.path, 'r.git'), undefined, false);
  const policy = { include: [], exclude: [], ephemeral: 'skip' } as const;
  await backup(repository, { store: 's', service: openDir({ path: live }), policy });
  await maintain(repository);
  const left = [
    ...['packed-refs.lock', 'packed-refs.new', 'logs/refs/heads/main.lock'],
    ...['objects/info/commit-graph.lock', 'objects/pack/multi-pack-index.lock'],
  ].map((name) => join(repository.gitDir, name));
  const before = new Date(Date.now() - 11 * 60_000);
  for (const path of left) {
    writeFileSync(path, '');
    utimesSync(path, before, before);
  }
  writeFileSync(join(live, 'a'), 'y');
  await backup(repository, { store: 's', service: openDir({ path: live }), policy });
  expect((await maintain(repository)).after.packs).toBe(1);
  expect(left.filter((path) => existsSync(path))).toEqual([]);
});
