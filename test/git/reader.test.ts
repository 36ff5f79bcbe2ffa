import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { openNativeReader } from '../../src/git/native-reader.ts';
import { objectId } from '../../src/git/pack.ts';
import type { ObjectReader } from '../../src/git/reader.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { openRescueReader } from '../../src/git/rescue-reader.ts';
import { git, temporaryDirectory } from './temporary.ts';

const large = Buffer.alloc(5 * 1024 * 1024, 'a line that repeats\n');

/** A repository as other people make them: packed and loose objects, an annotated tag, names in latin1. */
function makeRepository(): { path: string; first: string; second: string; tag: string; blobs: string[] } {
  const path = join(temporaryDirectory(), 'r.git');
  git('/', ['init', '--quiet', '--bare', '--initial-branch=main', path]);
  const store = (content: string | Uint8Array) => git(path, ['hash-object', '-w', '--stdin'], content);

  const blobs = Array.from({ length: 40 }, (_, number) => store(`value ${number}`));
  const lines = blobs.map((oid, number) => `100644 blob ${oid}\tkey-${number}\0`);
  const odd = Buffer.concat([
    Buffer.from(`100644 blob ${store('')}\t`),
    Buffer.from([0xe9, 0xff, 0x0a, 0x5c]),
    Buffer.from([0]),
  ]);
  const inner = git(path, ['mktree', '-z'], Buffer.concat([Buffer.from(lines.join('')), odd]));
  const root = git(path, ['mktree'], `040000 tree ${inner}\tstore\n100644 blob ${store(large)}\tlarge\n`);

  const first = git(path, ['commit-tree', root, '-m', 'first']);
  git(path, ['update-ref', 'refs/heads/main', first]);
  git(path, ['tag', '--annotate', '-m', 'a tag', 'v1', first]);
  git(path, ['repack', '-adq']);
  git(path, ['pack-refs', '--all']);

  const second = git(path, ['commit-tree', root, '-p', first, '-m', 'second']);
  git(path, ['update-ref', 'refs/heads/main', second]);
  git(path, ['update-ref', 'refs/heads/topic/one', first]);
  return { path, first, second, tag: git(path, ['rev-parse', 'v1']), blobs };
}

describe.each([
  ['git', (repository: Repository) => openNativeReader(repository, 'batch-command')],
  ['a git before 2.36', (repository: Repository) => openNativeReader(repository, 'batch')],
  ['isomorphic-git', openRescueReader],
])('a reader by %s', (_, openReader: (repository: Repository) => ObjectReader) => {
  const made = makeRepository();
  const open = async (path = made.path) => openReader(await openRepository(path));

  test('resolves branches, tags, full refs and HEAD', async () => {
    await using reader = await open();
    const { first, second, tag } = made;
    const names = ['main', 'refs/heads/main', 'HEAD', 'topic/one', 'refs/heads/topic/one', 'v1', 'refs/tags/v1'];
    expect(await Promise.all(names.map(reader.resolve))).toEqual([second, second, second, first, first, tag, tag]);
    expect(await reader.read(tag)).toMatchObject({ type: 'tag' });
  });

  test('resolves full and abbreviated ids of packed and loose objects', async () => {
    await using reader = await open();
    const { first, second } = made;
    const names = [first, first.slice(0, 12), second, second.slice(0, 12), second.slice(0, 12).toUpperCase()];
    expect(await Promise.all(names.map(reader.resolve))).toEqual([first, first, second, second, second]);
  });

  test('knows no other names, operators and options included', async () => {
    await using reader = await open();
    const names = [
      '',
      'topic',
      'main~1',
      'main^',
      'HEAD@{0}',
      '@',
      '-h',
      '--all',
      'a b',
      'refs/heads/none',
      '../HEAD',
      'main:large',
    ];
    for (const name of [...names, '0'.repeat(40), 'abc']) expect(await reader.resolve(name), name).toBeUndefined();
  });

  test('refuses an abbreviation that two objects share', async () => {
    const { path } = makeRepository();
    const [one, other] = twins();
    const oids = [one, other].map((content) => git(path, ['hash-object', '-w', '--stdin'], content));
    git(path, ['repack', '-adq']);

    await using reader = await open(path);
    await expect(reader.resolve(oids[0]?.slice(0, 4) ?? '')).rejects.toMatchObject({ code: 'usage' });
    expect(await reader.resolve(oids[0]?.slice(0, 12) ?? '')).toBe(oids[0]);
  });

  test('reads blobs, empty and large ones, and trees with any names', async () => {
    await using reader = await open();
    const root = await reader.readTree(
      /^tree (\S+)/.exec(Buffer.from((await reader.read(made.first)).content).toString())?.[1] ?? '',
    );
    const [file, store] = root;
    expect(root.map(({ mode, name }) => [mode, name])).toEqual([
      ['100644', 'large'],
      ['40000', 'store'],
    ]);
    expect(Buffer.compare(await reader.readBlob(file?.oid ?? ''), large)).toBe(0);

    const odd = (await reader.readTree(store?.oid ?? '')).find(({ name }) => name.startsWith('\xe9'));
    expect(odd?.name).toBe('\xe9\xff\n\\');
    expect(await reader.readBlob(odd?.oid ?? '')).toHaveLength(0);
  });

  test('answers ten thousand reads at once, each its own', async () => {
    await using reader = await open();
    const values = await Promise.all(
      Array.from({ length: 10_000 }, async (_, number) =>
        Buffer.from(await reader.readBlob(made.blobs[number % 40] ?? '')).toString(),
      ),
    );
    expect(values.every((value, number) => value === `value ${number % 40}`)).toBe(true);
  });

  test('sees what is written after it was opened', async () => {
    const { path, first } = makeRepository();
    await using reader = await open(path);
    await reader.read(first);
    const oid = git(path, ['hash-object', '-w', '--stdin'], 'new');
    git(path, ['repack', '-adq']);
    git(path, ['update-ref', 'refs/heads/main', first]);
    expect(Buffer.from(await reader.readBlob(oid)).toString()).toBe('new');
    expect(await reader.resolve('main')).toBe(first);
  });

  test('calls a missing object, and one of another type, by their error', async () => {
    await using reader = await open();
    await expect(reader.read('1'.repeat(40))).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('missing'),
    });
    await expect(reader.readTree(made.first)).rejects.toMatchObject({ code: 'integrity' });
    await expect(reader.readBlob(made.first)).rejects.toMatchObject({ code: 'integrity' });
  });

  test('a damaged loose object fails alone', async () => {
    const { path, second, blobs } = makeRepository();
    flip(join(path, 'objects', second.slice(0, 2), second.slice(2)), 12);
    await using reader = await open(path);
    const [before, damaged, after] = await Promise.allSettled([
      reader.read(blobs[0] ?? ''),
      reader.read(second),
      reader.read(blobs[1] ?? ''),
    ]);
    expect(damaged).toMatchObject({ status: 'rejected', reason: { code: 'integrity' } });
    expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled']);
  });

  test('so does a damaged tree among others, which are answered later than asked for', async () => {
    const { path } = makeRepository();
    const [one = '', damaged = '', other = ''] = [1, 2, 3].map((number) =>
      git(path, ['mktree'], `100644 blob ${git(path, ['hash-object', '-w', '--stdin'], `tree ${number}`)}\tname\n`),
    );
    const file = join(path, 'objects', damaged.slice(0, 2), damaged.slice(2));
    flip(file, readFileSync(file).length - 6);
    await using reader = await open(path);
    const results = await Promise.allSettled([one, damaged, other].map(reader.readTree));
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { code: 'integrity' } });
    expect([results[0], results[2]]).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }]);
  });

  test('a damaged pack gives no wrong byte', async () => {
    const { path, blobs } = makeRepository();
    const [pack = ''] = readdirSync(join(path, 'objects/pack')).filter((name) => name.endsWith('.pack'));
    const file = join(path, 'objects/pack', pack);
    for (let at = 100; at < readFileSync(file).length - 20; at += 97) flip(file, at);

    await using reader = await open(path);
    const results = await Promise.allSettled(blobs.map((oid) => reader.readBlob(oid)));
    expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    for (const [number, result] of results.entries()) {
      if (result.status === 'fulfilled') expect(Buffer.from(result.value).toString()).toBe(`value ${number}`);
      else expect(result.reason).toMatchObject({ code: 'integrity' });
    }
  });
});

test('a git that does not know the newest way to be asked is asked in an older one', async () => {
  const { path, first } = makeRepository();
  const directory = temporaryDirectory();
  const old = `#!/bin/sh
for word; do
  case $word in
    version) echo git version 2.35.1; exit ;;
    --batch-command) echo "error: unknown option" >&2; exit 129 ;;
  esac
done
PATH='${process.env['PATH']}' exec git "$@"
`;
  writeFileSync(join(directory, 'git'), old, { mode: 0o755 });
  vi.stubEnv('PATH', directory);
  // What is known of git is known for a whole process.
  vi.resetModules();
  const { openReader } = await import('../../src/git/open-reader.ts');
  try {
    await using reader = await openReader(await openRepository(path));
    expect(await reader.read(first)).toMatchObject({ type: 'commit' });
  } finally {
    vi.unstubAllEnvs();
    vi.resetModules();
  }
});

/** Two contents whose ids begin with the same four digits. */
function twins(): [string, string] {
  const seen = new Map<string, string>();
  for (let number = 0; ; number++) {
    const content = `twin ${number}`;
    const digits = objectId('blob', Buffer.from(content)).slice(0, 4);
    const twin = seen.get(digits);
    if (twin !== undefined) return [twin, content];
    seen.set(digits, content);
  }
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
}
