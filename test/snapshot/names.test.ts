import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TreekeeperError } from '../../src/errors.ts';
import { decodeDirectory, encodeDirectory, nameSiblings } from '../../src/snapshot/directory.ts';
import type { TreeEntry } from '../../src/snapshot/objects.ts';
import { encodeTree } from '../../src/snapshot/tree.ts';
import { anyKey, anySegment, hostileSegments } from './keys.ts';
import { build, byKey, type Item, manifestOf, memory, open, paths, walk } from './memory.ts';

/** How many random keys the long properties see; a campaign sets more. */
const campaign = Number(process.env['KEYS'] ?? 60_000);

describe('the rules', () => {
  test.each([
    ['1', '', '%_'],
    ['2', 'maxConnections_1=2,3+4@5-6.7', 'maxConnections_1=2,3+4@5-6.7'],
    ['2', 'a b', 'a%20b'],
    ['2', 'a%b', 'a%25b'],
    ['2', '\xff\0', '%FF%00'],
    ['3', '.git', '%2Egit'],
    ['3', '..', '%2E%2E'],
    ['3', '.', '%2E'],
    ['3', 'a.', 'a%2E'],
    ['3', '-rf', '%2Drf'],
    ['3', 'a-b', 'a-b'],
    ['4', 'x.gpg', 'x%2Egpg'],
    ['4', 'x.GPG', 'x%2EGPG'],
    ['4', '.gpg', '%2Egpg'],
    ['5', 'con', '%63on'],
    ['5', 'AUX.txt', '%41UX.txt'],
    ['5', 'com1.gpg', 'com1%2Egpg'],
    ['5', 'console', 'console'],
  ])('rule %s: %j is %s', (_rule, segment, name) => {
    expect(nameSiblings([segment])(segment)).toEqual([name]);
  });

  test('rule 6: siblings that differ only in case have their capitals escaped, and nobody else', () => {
    const namesOf = nameSiblings(['Foo', 'foo', 'Bar', 'CON', 'con']);
    expect(['Foo', 'foo', 'Bar', 'CON', 'con'].map((segment) => namesOf(segment)[0])).toEqual([
      '%46oo',
      'foo',
      'Bar',
      '%43%4F%4E',
      '%63on',
    ]);
  });

  test('rule 7: a long segment is cut into directories, never inside an escape', () => {
    const namesOf = (segment: string) => nameSiblings([segment])(segment);
    expect(namesOf('a'.repeat(200))).toEqual(['a'.repeat(200)]);
    expect(namesOf('a'.repeat(201))).toEqual([`${'a'.repeat(200)}%+`, 'a']);
    expect(namesOf(`${'b'.repeat(199)}\xff`)).toEqual([`${'b'.repeat(199)}%+`, '%FF']);
    expect(namesOf(`${'b'.repeat(200)}con`)).toEqual([`${'b'.repeat(200)}%+`, '%63on']);
    expect(namesOf(`${'b'.repeat(200)}.x.`)).toEqual([`${'b'.repeat(200)}%+`, '%2Ex%2E']);
    expect(namesOf('A'.repeat(67))).toEqual([`${'%41'.repeat(66)}%+`, '%41']);
  });

  test('rule 8: a path that is too long goes by the hash of its key, with the key beside it', async () => {
    const store = memory();
    const key = `/${Array.from({ length: 60 }, () => 'fifteen-letters').join('/')}`;
    const tree = build(
      store,
      [
        { key, value: 'deep' },
        { key: '/a', value: '1' },
      ],
      manifestOf('etcd'),
    );
    const found = (await paths(store, tree)).filter((path) => path.startsWith('%long/'));
    expect(found).toEqual([
      expect.stringMatching(/^%long\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/),
      expect.stringMatching(/%key$/),
    ]);
    expect(await walk(await open(store, tree))).toEqual([
      { key: '/a', value: '1' },
      { key, value: 'deep' },
    ]);
  });
});

describe('any set of keys', () => {
  test.each(['etcd', 'consul'] as const)(
    'comes back byte for byte from %s, under names that any system takes',
    async (service) => {
      const keys = fc.uniqueArray(anyKey, { minLength: 1, maxLength: 300 });
      let seen = 0;
      for (let seed = Date.now() % 2 ** 31; seen < campaign / 2; seed++) {
        await fc.assert(
          fc.asyncProperty(keys, async (names) => {
            const items = names.filter((key) => key !== '').map((key): Item => ({ key, value: key.slice(0, 20) }));
            seen += items.length;
            const store = memory();
            const tree = build(store, items, manifestOf(service));
            expect((await walk(await open(store, tree))).sort(byKey)).toEqual(items.sort(byKey));
            for (const path of await paths(store, tree)) checkPortable(path);
            const folded = (await paths(store, tree)).map((path) => path.toLowerCase());
            expect(new Set(folded).size).toBe(folded.length);
          }),
          { numRuns: 10, seed },
        );
      }
    },
    600_000,
  );

  test('every hostile segment beside every other, in one directory', async () => {
    const store = memory();
    const items = [...new Set(hostileSegments)].map((segment) => ({ key: `/${segment}`, value: segment }));
    const tree = build(store, items, manifestOf('etcd'));
    expect((await walk(await open(store, tree))).sort(byKey)).toEqual(items.sort(byKey));
    for (const path of await paths(store, tree)) checkPortable(path);
  });
});

describe('the decoder', () => {
  const isIntegrity = (thrown: unknown) => thrown instanceof TreekeeperError && thrown.code === 'integrity';

  test('takes a name only if the encoder makes it: of random names, each is refused or comes out as it went in', async () => {
    const fragment = fc.oneof(
      anySegment.map((segment) => segment.slice(0, 12).replaceAll('\0', '')),
      fc.constantFrom(
        '%2F',
        '%2f',
        '%',
        '%_',
        '%41',
        'A',
        '.gpg',
        '%attrs.json',
        '%value',
        '%null',
        '%+',
        'con',
        '%63on',
        '-',
        '.',
        '%2E',
      ),
    );
    const name = fc.array(fragment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''));
    const names = fc.uniqueArray(
      name.filter((text) => text !== ''),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(names, fc.boolean(), async (chosen, asDirectory) => {
        const store = memory();
        const oid = store.blob(Buffer.from('x'));
        const leaf = store.tree(encodeTree([{ mode: '100644', name: '%null', oid: store.blob(new Uint8Array()) }]));
        const entries = chosen.map((text) =>
          asDirectory ? { mode: '40000', name: text, oid: leaf } : { mode: '100644', name: text, oid },
        );
        const tree = encodeTree(entries);
        try {
          const directory = await decodeDirectory(entries, store, 'store');
          expect(encodeTree(encodeDirectory(directory, store))).toEqual(tree);
        } catch (thrown) {
          if (!isIntegrity(thrown)) throw thrown;
        }
      }),
      { numRuns: 20_000 },
    );
  }, 120_000);

  test.each([
    ['an escape that nothing needs', 'needless%41'],
    ['hexadecimal in small letters', '%2fx'],
    ['half an escape', 'x%2'],
    ['a mark of the format with a tail', '%valuex'],
    ['a device of Windows as it is', 'con'],
    ['a name that begins with a dot', '.x'],
    ['a space', 'a b'],
    ['a name that is too long', 'x'.repeat(201)],
    ['attributes of nothing', 'x%attrs.json'],
    ['nothing but a suffix', '.gpg'],
  ])('refuses %s', async (_what, name) => {
    const store = memory();
    const entries = [{ mode: '100644', name, oid: store.blob(Buffer.from('x')) }];
    await expect(decodeDirectory(entries, store, 'store')).rejects.toSatisfy(isIntegrity);
  });

  test.each([
    ['a symbolic link', '120000'],
    ['an executable', '100755'],
    ['a submodule', '160000'],
  ])('refuses %s', async (_what, mode) => {
    const store = memory();
    await expect(
      decodeDirectory([{ mode, name: 'x', oid: store.blob(new Uint8Array()) }], store, 'store'),
    ).rejects.toSatisfy(isIntegrity);
  });

  test('refuses a node that is there twice', async () => {
    const store = memory();
    const oid = store.blob(Buffer.from('x'));
    const file = (name: string) => ({ mode: '100644', name, oid });
    for (const names of [
      ['x', 'x.gpg'],
      ['%value', '%null'],
      ['%value', '%value.gpg'],
    ]) {
      await expect(decodeDirectory(names.map(file), store, 'store')).rejects.toSatisfy(isIntegrity);
    }
  });

  test('refuses a directory for the pieces of a name that holds none', async () => {
    const store = memory();
    const empty = { mode: '40000', name: `${'a'.repeat(200)}%+`, oid: store.tree(encodeTree([])) };
    const nested = { ...empty, oid: store.tree(encodeTree([empty])) };
    const leaf = { mode: '100644', name: 'x', oid: store.blob(Buffer.from('x')) };
    for (const entry of [empty, nested])
      await expect(decodeDirectory([entry, leaf], store, 'store')).rejects.toSatisfy(isIntegrity);
  });

  test('refuses a directory of long keys that holds none, or holds them in another way', async () => {
    const store = memory();
    const tree = build(store, [{ key: `/${'deep/'.repeat(200)}x`, value: 'v' }], manifestOf('etcd'));
    const [long, ...others] = await store.readTree(tree);
    const [inner] = await store.readTree(long?.oid ?? '');
    const leaves = await store.readTree(inner?.oid ?? '');
    if (long?.name !== '%long' || !inner) throw new Error('there is no long key');
    const within = (directories: TreeEntry[]) =>
      store.tree(encodeTree([...others, { ...long, oid: store.tree(encodeTree(directories)) }]));
    expect(within([inner])).toBe(tree);
    const executable = leaves.map((leaf) => (leaf.name.endsWith('%key') ? { ...leaf, mode: '100755' } : leaf));
    for (const directories of [
      [],
      [{ ...inner, oid: store.tree(encodeTree([])) }],
      [{ ...inner, mode: '100644' }],
      [{ ...inner, oid: store.tree(encodeTree(executable)) }],
    ])
      await expect(walk(await open(store, within(directories)))).rejects.toSatisfy(isIntegrity);
  });
});

/** What Linux, macOS and Windows all take for a file name, in a path that leaves room for the store and a checkout. */
function checkPortable(path: string): void {
  expect(path.length).toBeLessThanOrEqual(940);
  for (const name of path.split('/')) {
    expect(name).toMatch(/^[A-Za-z0-9_.,=+@%-]{1,255}$/);
    expect(name).not.toMatch(/^[.-]|[. ]$|^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i);
  }
}
