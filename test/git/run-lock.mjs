// Takes the lock of a repository once and checks that nobody else has it meanwhile.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [compiled, path] = process.argv.slice(2);
const { acquireLock } = await import(join(compiled, 'git/lock.js'));
const { openRepository } = await import(join(compiled, 'git/repository.js'));

const repository = await openRepository(path);
try {
  const lock = await acquireLock(repository);
  const witness = join(path, 'held');
  writeFileSync(witness, '', { flag: 'wx' });
  rmSync(witness);
  await lock[Symbol.asyncDispose]();
  process.stdout.write('had it\n');
} catch (error) {
  if (error.code !== 'locked') throw error;
  process.stdout.write('locked\n');
}
