import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDir } from '../../src/services/dir.ts';
import type { ReadEvent } from '../../src/services/service.ts';
import { testService } from '../contract/service.ts';
import { temporaryDirectory } from '../servers/process.ts';

describe('contract', () => {
  testService({
    attributes: { executable: true },
    async open() {
      const directory = await temporaryDirectory();
      return {
        service: openDir(directory),
        key: (name) => Buffer.from(name, 'latin1'),
        second: async () => openDir(directory),
        async witness(key) {
          const path = Buffer.concat([Buffer.from(`${directory.path}/`), key]);
          const stat = lstatSync(path, { throwIfNoEntry: false });
          return stat && (stat.isDirectory() ? null : readFileSync(path));
        },
        [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
      };
    },
  });
});

async function readEvents(path: string): Promise<ReadEvent[]> {
  const events: ReadEvent[] = [];
  for await (const event of openDir({ path }).read()) events.push(event);
  return events;
}

async function readKeys(path: string): Promise<string[]> {
  const events = await readEvents(path);
  return events.flatMap((event) =>
    event.type === 'batch' ? event.nodes.map(({ key }) => Buffer.from(key).toString()) : [],
  );
}

const node = (key: string, value: string | null, executable = false) => ({
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  attributes: executable ? { executable: true } : undefined,
  ephemeral: undefined,
});

test('links and special files are told, and never followed', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await using outside = await temporaryDirectory();
  writeFileSync(join(outside.path, 'secret'), 'x');
  symlinkSync(outside.path, join(path, 'link'));
  symlinkSync(join(outside.path, 'secret'), join(path, 'file-link'));
  execFileSync('mkfifo', [join(path, 'pipe')]);
  writeFileSync(join(path, 'file'), '1');

  const events = await readEvents(path);
  const skipped = events.flatMap((event) => (event.type === 'batch' ? (event.skipped ?? []) : []));
  expect(skipped.map(({ key, reason }) => `${Buffer.from(key)}: ${reason}`).sort()).toEqual([
    'file-link: symbolic link',
    'link: symbolic link',
    'pipe: special file',
  ]);
  expect(await readKeys(path)).toEqual(['file']);
});

test('nothing is created through a link that leads out of the directory', async () => {
  await using directory = await temporaryDirectory();
  await using outside = await temporaryDirectory();
  symlinkSync(outside.path, join(directory.path, 'link'));
  const [outcome] = await openDir(directory).create([node('link/file', '1')]);
  expect(outcome).toEqual({ status: 'failed', reason: 'link is a symbolic link' });
  expect(readdirSync(outside.path)).toEqual([]);
});

test('a link in the place of a file exists, and is left as it is', async () => {
  await using directory = await temporaryDirectory();
  await using outside = await temporaryDirectory();
  symlinkSync(join(outside.path, 'nothing'), join(directory.path, 'file'));
  expect(await openDir(directory).create([node('file', '1')])).toEqual([{ status: 'exists', same: false }]);
  expect(readdirSync(outside.path)).toEqual([]);
});

test('the executable bit comes back', async () => {
  await using directory = await temporaryDirectory();
  await openDir(directory).create([node('run', '#!/bin/sh\n', true), node('data', '1')]);
  expect(lstatSync(join(directory.path, 'run')).mode & 0o100).toBe(0o100);
  expect(lstatSync(join(directory.path, 'data')).mode & 0o111).toBe(0);
});

test('a file where a directory has to be costs the nodes below it, and no more', async () => {
  await using directory = await temporaryDirectory();
  writeFileSync(join(directory.path, 'a'), '1');
  const outcomes = await openDir(directory).create([node('a', null), node('a/b', '2'), node('c', '3')]);
  expect(outcomes).toEqual([
    { status: 'exists', same: false },
    { status: 'failed', reason: 'a is no directory' },
    { status: 'created' },
  ]);
});

test('what a killed restore left half written is no node', async () => {
  await using directory = await temporaryDirectory();
  writeFileSync(join(directory.path, '.treekeeper-tmp-0123456789abcdef'), 'half');
  expect(await readKeys(directory.path)).toEqual([]);
});

test('a restore leaves nothing but its nodes', async () => {
  await using directory = await temporaryDirectory();
  await openDir(directory).create([node('a', '1'), node('a', '2')]);
  expect(readdirSync(directory.path)).toEqual(['a']);
});

test('a directory that is missing is made by a restore, and an error for a backup', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'missing');
  await expect(readKeys(path)).rejects.toThrow(expect.objectContaining({ code: 'unreachable' }));
  expect(await openDir({ path }).create([node('a', '1')])).toEqual([{ status: 'created' }]);
  expect(await readKeys(path)).toEqual(['a']);
});

test('a directory that nothing happened in is quiescent, and one that moved during the read is not', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  for (let number = 0; number < 50; number++) writeFileSync(join(path, `file${number}`), '1');
  expect((await readEvents(path)).at(-1)).toMatchObject({ type: 'end', consistency: 'quiescent' });

  const service = openDir({ path });
  let last: ReadEvent | undefined;
  for await (const event of service.read()) {
    if (event.type === 'batch') writeFileSync(join(path, 'file7'), 'changed');
    last = event;
  }
  expect(last).toMatchObject({ type: 'end', consistency: 'fuzzy' });
});

test('hard links are two files', async () => {
  await using directory = await temporaryDirectory();
  writeFileSync(join(directory.path, 'a'), '1');
  linkSync(join(directory.path, 'a'), join(directory.path, 'b'));
  expect((await readKeys(directory.path)).sort()).toEqual(['a', 'b']);
});

test.skipIf(process.getuid?.() === 0)('what this user may not read is unreadable, not gone', async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  mkdirSync(join(path, 'closed'));
  writeFileSync(join(path, 'closed', 'inside'), '1');
  writeFileSync(join(path, 'secret'), '1');
  chmodSync(join(path, 'secret'), 0);
  chmodSync(join(path, 'closed'), 0);
  const unreadable = (await readEvents(path)).flatMap((event) =>
    event.type === 'batch' ? (event.unreadable ?? []) : [],
  );
  chmodSync(join(path, 'closed'), 0o700);
  expect(unreadable.map(({ key, subtree }) => `${Buffer.from(key)} ${subtree}`).sort()).toEqual([
    'closed true',
    'secret false',
  ]);
  // Of what cannot be read at all, there is no snapshot.
  chmodSync(path, 0);
  await expect(readEvents(path)).rejects.toMatchObject({ code: 'unreachable' });
  chmodSync(path, 0o700);
});
