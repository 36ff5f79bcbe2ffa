import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openDecryptor } from '../../src/ciphers/decryptor.ts';
import { openEncryptor } from '../../src/ciphers/encryptor.ts';
import { splitMessage } from '../../src/ciphers/packets.ts';
import { openWithPassphrases } from '../../src/ciphers/passphrases.ts';
import { openRecipients } from '../../src/ciphers/recipients.ts';
import { openRepository } from '../../src/git/repository.ts';
import { archive } from '../../src/operations/archive.ts';
import { backup } from '../../src/operations/backup.ts';
import { rekey } from '../../src/operations/rekey.ts';
import { openTags } from '../../src/operations/tags.ts';
import { openDir } from '../../src/services/dir.ts';
import { withUnreadable } from './faulty-services.ts';
import { makePerson, type Person, sealedStore } from './sealed-store.ts';

let [alice, bob]: Person[] = [];
beforeAll(async () => {
  [alice, bob] = await Promise.all([makePerson('alice'), makePerson('bob')]);
});
const people = () => {
  if (!alice || !bob) throw new Error('nobody is there');
  return { alice, bob };
};
const header = (message: Uint8Array) => Buffer.from(splitMessage(message).header).toString('hex');

describe('other rules', () => {
  test('stand in a commit of their own, apart from what happened in the service', async () => {
    const { alice, bob } = people();
    await using store = await sealedStore(alice, bob);
    const { write, take, rule, show, blob, did, trailer } = store;
    write({ 'secret/stays': 'one', 'secret/changes': 'two', 'secret/shown': 'three', hidden: 'four', plain: 'five' });
    await take([rule('secret/**', alice)]);

    write({ 'secret/changes': 'other', new: 'six', plain: undefined });
    const result = await take([rule('{secret/**,hidden}', bob)]);
    expect(result.resealed).toEqual({ rekeyed: 3, reencrypted: 0 });
    expect(result.report).toMatchObject({ added: 1, changed: 1, removed: 1 });
    expect(did()).toEqual(['A new', 'D plain', 'M secret/changes.gpg']);
    expect(did('main~1').filter((line) => !line.includes('%'))).toEqual([
      'D hidden',
      'A hidden.gpg',
      'M secret/shown.gpg',
      'M secret/stays.gpg',
    ]);
    expect(trailer('Rekeyed', 'main~1')).toBe('3');
    expect(trailer('Rekeyed')).toBe('');
    expect(trailer('Nodes', 'main~1')).toBe(trailer('Nodes', 'main~2'));
    expect(store.git('log', '-1', '--format=%B', 'main~1')).toContain('stays readable there');
    for (const revision of ['main', 'main~1']) expect(await show(bob, 'hidden', revision)).toBe('four');
    expect(await show(alice, 'secret/changes', 'main~1')).toBe('two');
    expect(await show(bob, 'secret/changes')).toBe('other');
    await expect(show(alice, 'secret/stays')).rejects.toMatchObject({ code: 'decrypt' });

    // Nothing but the rules: values that need not be hidden any longer come out in clear.
    await take([rule('hidden', bob)]);
    expect(blob('secret/stays').toString()).toBe('one');
    expect(trailer('Rekeyed')).toBe('3');
    expect(trailer('Consistency')).toBe(trailer('Consistency', 'main~1'));
    expect((await take([rule('hidden', bob)])).status).toBe('unchanged');
  });

  test('are those of the store where none are given, so that nothing comes out in clear by an oversight', async () => {
    const { alice } = people();
    await using store = await sealedStore(alice);
    const { write, take, rule, show, blob } = store;
    write({ 'secret/a': 'one' });
    await take([rule('secret/**', alice)]);
    write({ 'secret/b': 'two' });
    await take(undefined);
    expect(await show(alice, 'secret/b')).toBe('two');
    await take([]);
    expect(blob('secret/b').toString()).toBe('two');
    await expect(take([rule('**', { ...alice, fingerprint: '0'.repeat(40) })])).rejects.toMatchObject({
      code: 'recipient',
    });
  });

  test('with the same recipients share session keys, and `per-value` shares none', async () => {
    const { alice, bob } = people();
    await using store = await sealedStore(alice, bob);
    const { write, take, rule, blob, show } = store;
    write({ 'a/x': '1', 'b/x': '2', 'c/x': '3', 'c/y': '3', 'd/x': '5' });
    const strict = { ...rule('c/**', alice), sessionKeys: 'per-value' } as const;
    await take([rule('a/**', alice), rule('b/**', alice), strict, rule('d/**', alice, bob)]);
    const headers = ['a/x', 'b/x', 'c/x', 'c/y', 'd/x'].map((name) => header(blob(`${name}.gpg`)));
    expect(headers[0]).toBe(headers[1]);
    expect(new Set(headers).size).toBe(4);
    expect(await show(alice, 'c/y')).toBe('3');

    // The stricter way is another way.
    const { resealed } = await take([{ ...rule('a/**', alice), sessionKeys: 'per-value' }, rule('{b,c}/**', alice)]);
    expect(resealed).toEqual({ rekeyed: 4, reencrypted: 0 });
  });
});

describe('the cache', () => {
  test('lost: all is encrypted anew once, apart from what happened; with a key only what changed', async () => {
    const { alice } = people();
    await using store = await sealedStore(alice);
    const { write, take, rule, did, trailer, show, cache } = store;
    const rules = [rule('secret/**', alice)];
    write({ 'secret/a': 'one', 'secret/b': 'two', plain: 'three' });
    await take(rules);
    rmSync(cache('tags'));
    write({ plain: 'other', 'secret/b': 'changed' });
    expect((await take(rules)).resealed).toEqual({ rekeyed: 0, reencrypted: 2 });
    expect(did()).toEqual(['M plain']);
    expect(did('main~1')).toEqual(['M secret/a.gpg', 'M secret/b.gpg']);
    expect(trailer('Reencrypted', 'main~1')).toBe('2 (no cache)');
    expect(trailer('Consistency', 'main~1')).toMatch(/^fuzzy/);
    expect(await show(alice, 'secret/b')).toBe('changed');

    rmSync(cache('tags'));
    write({ 'secret/b': 'again' });
    const withKey = await take(rules, { decryptor: alice.decryptor });
    expect(withKey.resealed).toEqual({ rekeyed: 0, reencrypted: 0 });
    expect(did()).toEqual(['M secret/b.gpg']);
    write({ plain: 'more' });
    expect((await take(rules)).resealed.reencrypted).toBe(0);
  });

  test('lost in the middle of a run: before the branch moved or after, at most what changed is encrypted anew', async () => {
    const { alice } = people();
    await using store = await sealedStore(alice);
    const { write, take, rule, did, git, cache, show } = store;
    const rules = [rule('secret/**', alice)];
    write({ 'secret/a': 'one', 'secret/b': 'two' });
    await take(rules);
    const before = readFileSync(cache('tags'));
    write({ 'secret/b': 'changed' });
    await take(rules);

    // Killed when the cache was written and the branch had not moved.
    git('update-ref', 'refs/heads/main', 'main~1');
    expect((await take(rules)).resealed.reencrypted).toBe(0);
    expect(did()).toEqual(['M secret/b.gpg']);

    // A cache that is one run behind.
    writeFileSync(cache('tags'), before);
    write({ 'secret/c': 'three' });
    expect((await take(rules)).resealed.reencrypted).toBe(1);
    expect(did('main~1')).toEqual(['M secret/b.gpg']);
    expect(await show(alice, 'secret/b')).toBe('changed');
  });

  test('cut off at any length, damaged, of another version or of another store tells nothing', async () => {
    const { alice } = people();
    await using store = await sealedStore(alice);
    const { repository, cache } = store;
    const [key, value, oid, setId] = [Buffer.from('k'), Buffer.from('v'), 'a'.repeat(40), 'b'.repeat(32)];
    const tags = await openTags(repository, 's');
    tags.add(oid, setId, key, value);
    await tags.save();
    const whole = readFileSync(cache('tags'));
    const known = async (content: Uint8Array, name = 's') => {
      writeFileSync(join(repository.gitDir, 'treekeeper', `tags-${name}`), content);
      return (await openTags(repository, name)).find(oid);
    };
    expect((await known(whole))?.holds(key, value)).toBe(true);
    expect((await known(whole))?.holds(key, Buffer.from('w'))).toBe(false);
    expect((await known(whole))?.holds(Buffer.from('l'), value)).toBe(false);
    expect((await known(whole, 't'))?.holds(key, value)).toBe(false);
    for (let length = 0; length < whole.length; length++)
      expect(await known(whole.subarray(0, length)), `${length} bytes`).toBeUndefined();
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      expect(await known(flipped), `byte ${at}`).toBeUndefined();
    }
  });

  test('outlives nodes that cannot be read, an archive and another recipient in another store', async () => {
    const { alice, bob } = people();
    await using store = await sealedStore(alice, bob);
    const { write, take, rule, repository, live, cache } = store;
    const rules = [rule('secret/**', alice)];
    write({ 'secret/deep/a': 'one', 'secret/b': 'two', plain: 'x' });
    await take(rules);
    write({ plain: 'y' });
    const hidden = [{ key: Buffer.from('secret/deep'), reason: 'permission denied', subtree: true }];
    await take(rules, { service: withUnreadable(openDir({ path: live }), hidden) });
    await archive(repository);
    const policy = { include: [], exclude: [], ephemeral: 'skip', encrypt: [rule('**', bob)] } as const;
    await backup(repository, { store: 'other', service: openDir({ path: live }), policy });
    rmSync(cache('seen'));
    write({ plain: 'z' });
    expect((await take(rules)).resealed).toEqual({ rekeyed: 0, reencrypted: 0 });
  });

  test('is not on a second host, which needs no keys to go on, and with a secret key changes nothing', async () => {
    const { alice } = people();
    await using store = await sealedStore(alice);
    const { write, take, rule, path, live, git } = store;
    write({ 'secret/a': 'one' });
    await take([rule('secret/**', alice)]);
    const clone = join(path, 'clone.git');
    git('clone', '--quiet', '--bare', '.', clone);
    const source = {
      store: 's',
      service: openDir({ path: live }),
      policy: { include: [], exclude: [], ephemeral: 'skip' },
    } as const;
    const second = await openRepository(clone);
    expect((await backup(second, source, { decryptor: alice.decryptor })).status).toBe('unchanged');
    rmSync(join(clone, 'treekeeper'), { recursive: true });
    expect((await backup(second, source)).resealed).toEqual({ rekeyed: 0, reencrypted: 1 });
    execFileSync('git', ['-C', clone, 'fsck', '--strict'], { stdio: 'pipe' });
  });
});

test('a ciphertext that somebody else put there is not taken for the value', async () => {
  const { alice } = people();
  await using store = await sealedStore(alice);
  const { write, take, rule, git, show, path } = store;
  const rules = [rule('**', alice)];
  write({ password: 'right', x: '1' });
  await take(rules);
  const forged = await openEncryptor(await openRecipients([alice.publicKey], [alice.fingerprint])).encrypt(
    Buffer.from('password'),
    Buffer.from('forged'),
  );
  writeFileSync(join(path, 'forged'), forged);
  const oid = git('hash-object', '-w', join(path, 'forged'));
  const edit = (tree: string, pattern: RegExp, by: string) =>
    execFileSync('git', ['-C', store.repository.gitDir, 'mktree'], {
      input: `${git('ls-tree', tree).replace(pattern, by)}\n`,
    })
      .toString()
      .trim();
  const inner = edit('main:s', /[0-9a-f]{40}(?=\tpassword\.gpg)/, oid);
  const top = edit('main', /[0-9a-f]{40}(?=\ts$)/m, inner);
  git(
    'update-ref',
    'refs/heads/main',
    git('-c', 'user.name=x', '-c', 'user.email=x@y', 'commit-tree', top, '-p', 'main', '-m', 'forged'),
  );
  expect(await show(alice, 'password')).toBe('forged');
  await take(rules);
  expect(await show(alice, 'password')).toBe('right');
});

test('one value in a hundred changed rewrites exactly these', async () => {
  const { alice, bob } = people();
  await using store = await sealedStore(alice, bob);
  const { write, take, rule, did, git } = store;
  const rules = [rule('**', alice, bob)];
  write(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`d${index % 7}/${index}`, `value ${index}`])));
  await take(rules);
  write({ 'd0/7': 'a', 'd1/8': 'b', 'd2/9': 'c', 'd3/10': 'd', 'd4/11': 'e' });
  expect((await take(rules)).report).toMatchObject({ added: 0, changed: 5, removed: 0 });
  expect(did()).toEqual(['d0/7', 'd1/8', 'd2/9', 'd3/10', 'd4/11'].map((name) => `M ${name}.gpg`));
  const blobs = git('rev-list', '--objects', 'main', '^main~1')
    .split('\n')
    .filter((line) => line.endsWith('.gpg'));
  expect(blobs).toHaveLength(5);
});

describe('a passphrase', () => {
  const passphraseRule = (passphrase: string) =>
    ({ keys: ['**'], recipients: [], passphrase: true, readPassphrase: () => passphrase }) as const;

  test('opens the values, needs no cache, and when it changes the store follows', async () => {
    await using store = await sealedStore();
    const { write, take, blob, cache, trailer } = store;
    write({ a: 'one', b: 'two' });
    await take([passphraseRule('first')]);
    const open = (passphrase: string, name: string) =>
      openDecryptor(openWithPassphrases(['wrong', passphrase])).decrypt(Buffer.from(name), blob(`${name}.gpg`));
    expect(Buffer.from(await open('first', 'a')).toString()).toBe('one');
    await expect(open('other', 'a')).rejects.toMatchObject({ code: 'decrypt' });
    expect(header(blob('a.gpg'))).toBe(header(blob('b.gpg')));

    rmSync(cache('tags'));
    rmSync(cache('seen'));
    expect((await take([passphraseRule('first')])).status).toBe('unchanged');
    expect((await take([passphraseRule('second')])).resealed).toEqual({ rekeyed: 2, reencrypted: 0 });
    expect(trailer('Rekeyed')).toBe('2');
    expect(Buffer.from(await open('second', 'b')).toString()).toBe('two');
    expect(readFileSync(cache('tags')).includes('second')).toBe(false);
    // Who has the repository and not the passphrase is told.
    await expect(take(undefined)).rejects.toMatchObject({ code: 'recipient' });
  });
});

describe('rekey', () => {
  test('follows the rules without the service, and does nothing where nothing is to be done', async () => {
    const { alice, bob } = people();
    await using store = await sealedStore(alice, bob);
    const { write, take, rule, repository, show, blob, did, trailer, live } = store;
    write({ 'a/x': 'one', 'a/y': 'two', plain: 'three', b: 'four' });
    await take([rule('{a/**,b}', alice)]);
    rmSync(live, { recursive: true });
    const rules = [rule('{a/**,plain}', bob)];
    const request = { store: 's', rules, decryptor: alice.decryptor, all: false };
    await expect(rekey(repository, { ...request, decryptor: bob.decryptor })).rejects.toMatchObject({
      code: 'decrypt',
    });
    expect(await rekey(repository, request)).toMatchObject({ values: 4, warnings: [] });
    expect(did().filter((line) => !line.includes('%'))).toEqual([
      'M a/x.gpg',
      'M a/y.gpg',
      'A b',
      'D b.gpg',
      'D plain',
      'A plain.gpg',
    ]);
    expect(trailer('Rekeyed')).toBe('4');
    expect([await show(bob, 'a/y'), await show(bob, 'plain'), blob('b').toString()]).toEqual(['two', 'three', 'four']);

    const now = { ...request, decryptor: bob.decryptor, rules: undefined };
    expect(await rekey(repository, now)).toMatchObject({ values: 0, commit: undefined });
    expect(await rekey(repository, { ...now, all: true })).toMatchObject({ values: 3 });
    expect(did()).toEqual(['M a/x.gpg', 'M a/y.gpg', 'M plain.gpg']);
  });
});
