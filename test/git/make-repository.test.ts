import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { clearLeftovers, makingPrefix } from '../../src/git/leftovers.ts';
import { makeRepository } from '../../src/git/make-repository.ts';
import { createRepository, openRepository, RepositoryTaken } from '../../src/git/repository.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { git } from './temporary.ts';

test('a repository that another run finishes while it is looked for is there already', async () => {
  await using directory = await temporaryDirectory();
  for (let round = 0; round < 160; round++) {
    const root = join(directory.path, `${round}.git`);
    const making = join(root, `${makingPrefix}0`);
    for (const path of [join(root, 'objects'), join(root, 'refs'), making]) mkdirSync(path, { recursive: true });
    writeFileSync(join(making, 'HEAD'), 'ref: refs/heads/main\n');
    const outcome = createRepository(root).catch((thrown: unknown) => thrown);
    for (let turn = 0; turn < round % 16; turn++) await nextTurn();
    // Where it found a directory to be finished, it may have been quicker.
    if (!existsSync(join(root, 'HEAD'))) linkSync(join(making, 'HEAD'), join(root, 'HEAD'));
    expect(await outcome).toBeInstanceOf(RepositoryTaken);
  }
});

test('of many that make a repository at once, and clear up after the others, one makes it and none fails', async () => {
  await using directory = await temporaryDirectory();
  for (let round = 0; round < 15; round++) {
    const root = join(directory.path, `${round}.git`);
    const make = async () => {
      const isFirst = await makeRepository(root, 'main');
      await clearLeftovers(await openRepository(root));
      return isFirst;
    };
    const made = await Promise.all(Array.from({ length: 8 }, make));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(git(root, ['fsck'])).toBe('');
  }
});
