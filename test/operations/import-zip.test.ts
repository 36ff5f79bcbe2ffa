import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TreekeeperError } from '../../src/errors.ts';
import { openZip } from '../../src/operations/import-zip.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { type ZipFile, zip } from './zip.ts';

async function contents(file: Buffer): Promise<[string, string][]> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.zip');
  writeFileSync(path, file);
  await using archive = await openZip(path);
  const all: [string, string][] = [];
  for (const { name, read } of archive.entries) all.push([name.toString('hex'), (await read()).toString('hex')]);
  return all;
}

const reasonFor = (file: Buffer) =>
  contents(file).then(
    () => 'read',
    (thrown) => (thrown instanceof TreekeeperError && thrown.code === 'integrity' ? thrown.message : `${thrown}`),
  );

test('any names and contents come back byte for byte, also by way of a zip64 directory', async () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  const files = fc.array(fc.record({ name: bytes, content: bytes, method: fc.constantFrom(0, 8) }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(files, fc.boolean(), async (some, zip64) => {
      const hex = some.map(({ name, content }) => [
        Buffer.from(name).toString('hex'),
        Buffer.from(content).toString('hex'),
      ]);
      expect(await contents(zip(some, { zip64 }))).toEqual(hex);
    }),
    { numRuns: 50 },
  );
});

test.each<[string, ZipFile, string]>([
  ['a wrong checksum', { name: 'a', content: 'x', checksum: 1 }, 'its checksum is wrong'],
  ['more than it says', { name: 'a', content: 'x'.repeat(1e6), size: 10 }, 'it holds more than the 10 B that it says'],
  ['less than it says', { name: 'a', content: 'x', size: 10 }, 'it holds 1 B and says 10'],
  ['an encrypted entry', { name: 'a', content: 'x', flags: 9 }, 'it is encrypted'],
  ['another compression', { name: 'a', content: 'x', method: 12 }, 'method 12'],
])('%s is told, and nothing more is unpacked', async (_, file, reason) => {
  expect(await reasonFor(zip([file]))).toMatch(new RegExp(reason, 'i'));
});

test('entries that share their bytes, as in a zip bomb, are refused before any is unpacked', async () => {
  const bomb = zip([
    { name: 'a', content: 'x'.repeat(1e5) },
    { name: 'b', content: 'x'.repeat(1e5), offset: 0 },
  ]);
  expect(await reasonFor(bomb)).toContain('its entries lie in one another');
});

test('a file that is cut anywhere, or has a byte changed anywhere, is told or reads the same', async () => {
  const files = [
    { name: '1/a/content', content: 'one'.repeat(50) },
    { name: '1/b/content', content: 'two' },
  ];
  const whole = zip(files);
  const right = JSON.stringify(await contents(whole));
  const names = Buffer.from('1/a/content1/b/content').toString('hex');
  for (let at = 0; at < whole.length; at += 3) {
    expect(await reasonFor(whole.subarray(0, at))).toMatch(/no whole zip file|damaged/);
    const changed = Buffer.from(whole);
    changed.writeUInt8((changed[at] ?? 0) ^ 0x41, at);
    const read = await contents(changed).catch((thrown) => thrown);
    // A name has no checksum in a zip file.
    if (!(read instanceof TreekeeperError)) {
      const isNameAlone = read.map(([name]: [string]) => name).join('') !== names;
      expect(isNameAlone || JSON.stringify(read) === right, `byte ${at}`).toBe(true);
    }
  }
});
