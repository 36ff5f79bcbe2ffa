import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clearLeftovers } from '../../src/git/leftovers.ts';
import { makeRepository } from '../../src/git/make-repository.ts';
import { openRepository } from '../../src/git/repository.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { git } from './temporary.ts';

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
