import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startGnupg } from '../ciphers/gnupg.ts';
import { treekeeper } from './run.ts';
import { lines, records, workspace } from './workspace.ts';

const gnupg = startGnupg();
const alice = gnupg.makeKey('cv25519', { user: 'alice <alice@example.org>' });

/** A store whose values below `app/db` are encrypted from its second snapshot on. */
async function sealedStore() {
  const space = await workspace();
  const { path } = space;
  const configure = (encrypt: string) =>
    writeFileSync(join(path, 'treekeeper.yaml'), `version: 1\nstores:\n  live:\n    service: "dir:live"\n${encrypt}`);
  writeFileSync(join(path, 'keys.asc'), gnupg.run(['--export', '--armor']));
  writeFileSync(join(path, 'alice.key'), gnupg.run(['--export-secret-keys', alice]));
  // A keyring of its own, which is empty: nothing is opened with what is not given.
  const run = (...args: string[]) => treekeeper(path, args, { GNUPGHOME: path });
  configure('');
  await run('backup', 'live');
  configure(`    encrypt: [{ keys: ["app/db/**"], recipients: ["${alice}"], keyFiles: ["keys.asc"] }]\n`);
  await run('backup', 'live');
  return { ...space, run };
}

test('check tells what lies in clear in the history, and opens encrypted values where asked', async () => {
  await using space = await sealedStore();
  const { run, git } = space;
  expect(records((await run('check', '--json')).stdout).at(-1)).toMatchObject({ opened: 0, wellFormed: 2 });
  expect(await run('check', '--decrypt')).toMatchObject({
    status: 12,
    stderr: '2 encrypted values were not opened, only their form was looked at\n',
  });
  const all = await run('check', '--all', '--decrypt', '--key-file', 'alice.key', '--json');
  expect(all.status).toBe(0);
  const told = records(all.stdout);
  expect(told.at(-1)).toMatchObject({ opened: 2, wellFormed: 0, damaged: 0 });
  const until = git('rev-parse', 'main~1').trim();
  expect(told.filter(({ type }) => type === 'clear')).toEqual(
    ['app/db/pool', 'app/db/url'].map((key) => ({ type: 'clear', store: 'live', key, until })),
  );
});

test('a plan holds no encrypted value, and restore, apply and verify open them with a key', async () => {
  await using space = await sealedStore();
  const { path, run, write } = space;
  const key = ['--key-file', 'alice.key'];
  expect((await run('verify', 'latest', 'dir:live')).status).toBe(12);
  expect((await run('verify', 'latest', 'dir:live', ...key)).status).toBe(0);
  rmSync(join(path, 'live/app/db/url'));
  write('app/db/pool', 'max: 99\n');
  expect(lines((await run('verify', 'latest', 'dir:live', ...key)).stdout)).toEqual([
    '~ differs: app/db/pool',
    '- missing: app/db/url',
    'verify: different (3 equal, 1 missing, 1 differ)',
  ]);
  await run('restore', 'latest', 'dir:live', '--plan-out', 'plan.jsonl', ...key);
  expect((await run('apply', 'plan.jsonl')).status).toBe(12);
  expect(await run('apply', 'plan.jsonl', ...key)).toMatchObject({
    status: 3,
    stdout: expect.stringContaining('restore: 1 created'),
  });
  expect((await run('verify', 'latest:app/db/url', 'dir:live', ...key)).status).toBe(0);
});
