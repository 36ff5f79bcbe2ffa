// Writes one snapshot under the lock, as a backup does: run-write.mjs COMPILED REPOSITORY ROUND OBJECTS
import { join } from 'node:path';

const [compiled, path, round, objects] = process.argv.slice(2);
const load = (name) => import(join(compiled, `${name}.js`));
const { acquireLock } = await load('git/lock');
const { openRepository } = await load('git/repository');
const { openPackWriter } = await load('git/pack-writer');
const { OidSet } = await load('git/oid-set');
const { readBranch, moveBranch } = await load('git/refs');
const { encodeCommit } = await load('git/commit');
const { encodeTree } = await load('snapshot/tree');

const repository = await openRepository(path);
const lock = await acquireLock(repository);
const parent = await readBranch(repository);
const writer = openPackWriter(repository, new OidSet());
const entries = Array.from({ length: Number(objects) }, (_, number) => {
  const content = Buffer.from(`round ${round}, value ${number}, ${'x'.repeat(number % 300)}`);
  return { mode: '100644', name: `key-${number}`, oid: writer.blob(content) };
});
const tree = writer.tree(encodeTree(entries));
const author = { name: 'a', email: 'a@example.org' };
const parents = parent === undefined ? [] : [parent];
const commit = writer.commit(encodeCommit({ tree, parents, author, time: Number(round), message: `round ${round}\n` }));
process.stdout.write(`${commit}\n`);
await writer.finish();
if (!(await moveBranch(repository, parent, commit, 'a round')))
  throw new Error('the branch was moved by somebody else');
await lock[Symbol.asyncDispose]();
