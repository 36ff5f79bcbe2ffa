import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { moveRefs } from '../../src/git/refs.ts';
import { damagedParts, memoryRef, readMemory } from '../../src/git/remote-memory.ts';
import { createRepository } from '../../src/git/repository.ts';
import { temporaryDirectory } from '../servers/process.ts';

const someone = { NAME: 'one', EMAIL: 'one@example.org' };
const env = {
  ...process.env,
  ...Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((role) =>
      Object.entries(someone).map(([what, text]) => [`GIT_${role}_${what}`, text]),
    ),
  ),
};

async function repositoryWithCommit(path: string) {
  const repository = await createRepository(path, 'main');
  const git = (args: readonly string[], input = '') =>
    execFileSync('git', ['-C', repository.gitDir, ...args], { encoding: 'utf8', env, input }).trim();
  return { repository, commit: git(['commit-tree', '-m', 'one', git(['mktree'])]) };
}

test('what another process writes at this moment is not taken for damaged', async () => {
  await using directory = await temporaryDirectory();
  const { repository, commit } = await repositoryWithCommit(join(directory.path, 'repo.git'));
  for (let number = 0; number < 20; number++) {
    const name = `remote${number}`;
    const writing = moveRefs(repository, [{ ref: memoryRef('seen', name, repository), to: commit }], 'push');
    for (let times = 0; times < 4; times++) expect(await damagedParts(repository, name)).toEqual([]);
    await writing;
    expect(await readMemory(repository, name)).toMatchObject({ seen: commit });
  }
});

test('what is no ref is damaged, and nothing else is', async () => {
  await using directory = await temporaryDirectory();
  const { repository, commit } = await repositoryWithCommit(join(directory.path, 'repo.git'));
  await moveRefs(repository, [{ ref: memoryRef('tracked', 'origin', repository), to: commit }], 'push');
  const file = join(repository.commonDir, memoryRef('seen', 'origin', repository));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, 'noise\n');
  expect(await damagedParts(repository, 'origin')).toEqual(['seen']);
});
