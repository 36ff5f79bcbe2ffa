import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openDecryptor } from '../../src/ciphers/decryptor.ts';
import { openEncryptor } from '../../src/ciphers/encryptor.ts';
import { exportFromGpg, openWithGpg } from '../../src/ciphers/gpg.ts';
import { audienceOf, splitMessage } from '../../src/ciphers/packets.ts';
import { openWithPassphrases } from '../../src/ciphers/passphrases.ts';
import { openRecipients } from '../../src/ciphers/recipients.ts';
import { openWithSecretKeys } from '../../src/ciphers/secret-keys.ts';
import { startGnupg } from './gnupg.ts';

const gnupg = startGnupg();
const passphrase = 'correct horse';
const keys = {
  cv25519: gnupg.makeKey('cv25519'),
  rsa: gnupg.makeKey('rsa4096'),
  nistp256: gnupg.makeKey('nistp256'),
  protected: gnupg.makeKey('cv25519', { passphrase }),
};
const publicKeys = gnupg.run(['--export', '--armor']);
const secretOf = (fingerprint: string) =>
  gnupg.run(['--pinentry-mode', 'loopback', '--passphrase', passphrase, '--export-secret-keys', fingerprint]);
const noPassphrase = () => Promise.reject(new Error('no passphrase was to be asked for'));
const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const key = (text: string) => Buffer.from(text);

beforeEach(() => void vi.stubEnv('GNUPGHOME', gnupg.home));
afterEach(() => vi.unstubAllEnvs());

/** gpg makes the certificate together with the key, with a colon in front so that nobody imports it by mistake. */
function revokedKey(): string {
  const fingerprint = gnupg.makeKey('cv25519');
  const certificate = readFileSync(join(gnupg.home, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8');
  gnupg.run(['--import'], Buffer.from(certificate.replace(/^:-----/m, '-----')));
  return fingerprint;
}

async function encryptorFor(...fingerprints: readonly string[]) {
  return openEncryptor(await openRecipients([publicKeys], fingerprints));
}

describe('what is encrypted here', () => {
  test.each(['cv25519', 'rsa', 'nistp256'] as const)('to a %s key of gpg, gpg and this open', async (kind) => {
    const encryptor = await encryptorFor(keys[kind]);
    const ours = openDecryptor(await openWithSecretKeys(secretOf(keys[kind]), noPassphrase));
    for (const size of [0, 1, 191, 192, 8_383, 8_384, 65_536, 1_048_576]) {
      const value = Buffer.alloc(size, everyByte);
      const message = await encryptor.encrypt(key('/app/db'), value);
      expect(gnupg.run(['--decrypt'], message).equals(value)).toBe(true);
      expect(Buffer.compare(await ours.decrypt(key('/app/db'), message), value)).toBe(0);
    }
  });

  test('to several, each of them opens, and their ids are told without a secret', async () => {
    const encryptor = await encryptorFor(keys.cv25519, keys.rsa, keys.nistp256);
    const message = await encryptor.encrypt(key('a'), key('value'));
    expect(audienceOf(splitMessage(message).header).keyIds).toHaveLength(3);
    for (const kind of ['cv25519', 'rsa', 'nistp256'] as const) {
      const ours = openDecryptor(await openWithSecretKeys(secretOf(keys[kind]), noPassphrase));
      expect(Buffer.from(await ours.decrypt(key('a'), message)).toString()).toBe('value');
    }
  });

  test('to a key that openpgp.js made, gpg opens after it imported that key', async () => {
    const made = await openpgp.generateKey({ userIDs: [{ name: 'js', email: 'js@example.org' }], format: 'armored' });
    gnupg.run(['--import'], Buffer.from(made.privateKey));
    const [read] = await openpgp.readKeys({ armoredKeys: made.publicKey });
    const recipients = await openRecipients([Buffer.from(made.publicKey)], [read?.getFingerprint() ?? '']);
    const message = await openEncryptor(recipients).encrypt(key('a'), key('value'));
    expect(gnupg.run(['--decrypt'], message).toString()).toBe('value');
  });

  // 10,000, the size of a large store, take gpg a minute or two.
  test('every one of many values opens with gpg, as it was', { timeout: 600_000 }, async () => {
    const count = Number(process.env['GPG_MESSAGES'] ?? 200);
    const encryptor = await encryptorFor(keys.cv25519, keys.nistp256);
    const directory = join(gnupg.home, 'values');
    mkdirSync(directory);
    const names = Array.from({ length: count }, (_, index) => join(directory, `v${index}`));
    const textOf = (index: number) => `value ${index}\n`.repeat(index % 900);
    for (const [index, name] of names.entries())
      writeFileSync(`${name}.gpg`, await encryptor.encrypt(key(`k${index}`), key(textOf(index))));
    gnupg.run(['--decrypt-files', ...names.map((name) => `${name}.gpg`)]);
    for (const [index, name] of names.entries()) expect(readFileSync(name, 'utf8')).toBe(textOf(index));
  });

  test.each(['shared', 'per-value'] as const)(
    'with a passphrase and %s session keys, gpg and this open',
    async (sessionKeys) => {
      const encryptor = openEncryptor(await openRecipients([], [], { passphrase }), sessionKeys);
      const ours = openDecryptor(openWithPassphrases(['another', passphrase]));
      for (const value of ['', 'one', 'x'.repeat(10_000)]) {
        const message = await encryptor.encrypt(key('a'), key(value));
        const given = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
        expect(gnupg.run([...given, '--decrypt'], message).toString()).toBe(value);
        expect(Buffer.from(await ours.decrypt(key('a'), message)).toString()).toBe(value);
      }
      const message = await encryptor.encrypt(key('a'), key('value'));
      const wrong = openDecryptor(openWithPassphrases(['another']));
      await expect(wrong.decrypt(key('a'), message)).rejects.toMatchObject({ code: 'decrypt' });
    },
  );

  test('to a key and with a passphrase, either opens', async () => {
    const recipients = await openRecipients([publicKeys], [keys.cv25519], { passphrase });
    const message = await openEncryptor(recipients).encrypt(key('a'), key('value'));
    expect(audienceOf(splitMessage(message).header)).toMatchObject({ keyIds: recipients.keyIds, passphrase: true });
    const withKey = await openWithSecretKeys(secretOf(keys.cv25519), noPassphrase);
    for (const open of [withKey, openWithPassphrases([passphrase])])
      expect(Buffer.from(await openDecryptor(open).decrypt(key('a'), message)).toString()).toBe('value');
  });

  test.each(['shared', 'per-value'] as const)(
    'with %s session keys, a secret key is used as seldom as it can be',
    async (mode) => {
      const recipients = await openRecipients([publicKeys], [keys.cv25519]);
      const encryptor = openEncryptor(recipients, mode);
      const values = mode === 'shared' ? 10_000 : 5;
      const messages = [];
      for (let index = 0; index < values; index++)
        messages.push(await encryptor.encrypt(key(`k${index}`), key(`v${index}`)));
      const open = await openWithSecretKeys(secretOf(keys.cv25519), noPassphrase);
      const asked = vi.fn(open);
      const decryptor = openDecryptor(asked);
      for (const [index, message] of messages.entries())
        expect(Buffer.from(await decryptor.decrypt(key(`k${index}`), message)).toString()).toBe(`v${index}`);
      expect(asked).toHaveBeenCalledTimes(mode === 'shared' ? 3 : 5);
    },
  );

  test('equal values are unequal when encrypted', async () => {
    const encryptor = await encryptorFor(keys.cv25519);
    const [one, two] = [await encryptor.encrypt(key('a'), key('v')), await encryptor.encrypt(key('a'), key('v'))];
    const data = (message: Uint8Array) => Buffer.from(splitMessage(message).data);
    expect(data(one).equals(data(two))).toBe(false);
  });
});

describe('opening', () => {
  test('a protected key asks for its passphrase once', async () => {
    const encryptor = await encryptorFor(keys.protected);
    const message = await encryptor.encrypt(key('a'), key('value'));
    const ask = vi.fn(async () => passphrase);
    const ours = openDecryptor(await openWithSecretKeys(secretOf(keys.protected), ask));
    expect(Buffer.from(await ours.decrypt(key('a'), message)).toString()).toBe('value');
    expect(ask).toHaveBeenCalledTimes(1);
    await expect(openWithSecretKeys(secretOf(keys.protected), async () => 'wrong')).rejects.toMatchObject({
      code: 'decrypt',
      message: expect.stringContaining(keys.protected),
    });
  });

  test('with a subkey alone, as it is exported without its primary key', async () => {
    const message = await (await encryptorFor(keys.cv25519)).encrypt(key('a'), key('value'));
    const subkeys = gnupg.run(['--export-secret-subkeys', keys.cv25519]);
    const ours = openDecryptor(await openWithSecretKeys(subkeys, noPassphrase));
    expect(Buffer.from(await ours.decrypt(key('a'), message)).toString()).toBe('value');
  });

  test('through gpg asks for one thing at a time, whatever is in flight, and once for what no key opens', async () => {
    const encryptor = openEncryptor(await openRecipients([publicKeys], [keys.cv25519]), 'per-value');
    const log = join(gnupg.home, 'runs');
    const bin = join(gnupg.home, 'bin');
    mkdirSync(bin);
    const real = execFileSync('which', ['gpg'], { encoding: 'utf8' }).trim();
    const script = `#!/bin/sh\necho begin >>${log}\n${real} "$@"\nstatus=$?\necho end >>${log}\nexit $status\n`;
    writeFileSync(join(bin, 'gpg'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    const names = ['a', 'b', 'c'];
    const messages = await Promise.all(names.map((name) => encryptor.encrypt(key(name), key(name))));
    const decryptor = openDecryptor(openWithGpg());
    await Promise.all(messages.map((message, index) => decryptor.decrypt(key(names[index] ?? ''), message)));
    expect(readFileSync(log, 'utf8')).toBe('begin\nend\n'.repeat(3));

    const stranger = await openpgp.generateKey({ userIDs: [{ name: 'x' }], format: 'armored' });
    const [read] = await openpgp.readKeys({ armoredKeys: stranger.publicKey });
    const theirs = openEncryptor(
      await openRecipients([Buffer.from(stranger.publicKey)], [read?.getFingerprint() ?? '']),
    );
    for (const name of names)
      await expect(decryptor.decrypt(key(name), await theirs.encrypt(key(name), key(name)))).rejects.toMatchObject({
        code: 'decrypt',
      });
    expect(readFileSync(log, 'utf8')).toBe('begin\nend\n'.repeat(4));
  });

  test('through gpg, which is asked once for all values of a run', async () => {
    const encryptor = await encryptorFor(keys.cv25519);
    const asked = vi.fn(openWithGpg());
    const decryptor = openDecryptor(asked);
    for (const name of ['a', 'b', 'c'])
      expect(
        Buffer.from(await decryptor.decrypt(key(name), await encryptor.encrypt(key(name), key(name)))).toString(),
      ).toBe(name);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test('no key at hand is told with the ids that would do', async () => {
    const message = await (await encryptorFor(keys.rsa)).encrypt(key('a'), key('value'));
    const ours = openDecryptor(await openWithSecretKeys(secretOf(keys.cv25519), noPassphrase));
    const [id = ''] = audienceOf(splitMessage(message).header).keyIds;
    await expect(ours.decrypt(key('a'), message)).rejects.toMatchObject({
      code: 'decrypt',
      message: expect.stringContaining(id),
    });
  });

  test('a value that stands at another node is not taken, however long or odd the keys', async () => {
    const encryptor = await encryptorFor(keys.cv25519);
    const ours = openDecryptor(await openWithSecretKeys(secretOf(keys.cv25519), noPassphrase));
    for (const name of [
      key('a'),
      Buffer.from('bad\xff\0', 'latin1'),
      Buffer.alloc(255, 'x'),
      Buffer.alloc(256, 'x'),
      Buffer.alloc(0),
    ]) {
      const message = await encryptor.encrypt(name, key('value'));
      expect(Buffer.from(await ours.decrypt(name, message)).toString()).toBe('value');
      for (const other of [Buffer.concat([name, key('y')]), key('b')])
        await expect(ours.decrypt(other, message)).rejects.toMatchObject({ code: 'integrity' });
      expect(gnupg.run(['--decrypt'], message).toString()).toBe('value');
    }
  });

  test('every bit that is flipped and every length that it is cut to is found', async () => {
    const message = Buffer.from(await (await encryptorFor(keys.cv25519)).encrypt(key('a'), key('value')));
    const open = await openWithSecretKeys(secretOf(keys.cv25519), noPassphrase);
    const isRefused = async (changed: Buffer) => {
      await expect(openDecryptor(open).decrypt(key('a'), changed)).rejects.toMatchObject({
        code: expect.stringMatching(/^(integrity|decrypt)$/),
      });
    };
    for (let bit = 0; bit < message.length * 8; bit++) {
      const changed = Buffer.from(message);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      await isRefused(changed);
    }
    for (let length = 0; length < message.length; length++) await isRefused(message.subarray(0, length));
    await isRefused(Buffer.concat([message, message]));
    await isRefused(Buffer.concat([message, Buffer.from([0])]));
  });

  test('through gpg too, whose exit status is no proof', { timeout: 600_000 }, async () => {
    const message = Buffer.from(await (await encryptorFor(keys.cv25519)).encrypt(key('a'), key('value')));
    // Every bit, one by one, takes a minute or two.
    const step = Number(process.env['GPG_FLIP_EVERY'] ?? 41);
    for (let bit = 0; bit < message.length * 8; bit += step) {
      const changed = Buffer.from(message);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      await expect(openDecryptor(openWithGpg()).decrypt(key('a'), changed)).rejects.toMatchObject({
        code: expect.stringMatching(/^(integrity|decrypt)$/),
      });
    }
  });
});

describe('recipients', () => {
  test.each([
    ['expired', () => gnupg.makeKey('cv25519', { expires: 'seconds=1' }), /expired/i, 2_000],
    ['sign-only', () => gnupg.makeKey('cv25519', { signOnly: true }), /encrypt/i, 0],
    ['too weak', () => gnupg.makeKey('rsa1024'), /too weak/i, 0],
    ['revoked', revokedKey, /revoked/i, 0],
  ] as const)('a key that is %s is refused by name', async (_what, make, message, later) => {
    const fingerprint = make();
    const file = gnupg.run(['--export', fingerprint]);
    await expect(openRecipients([file], [fingerprint], { now: new Date(Date.now() + later) })).rejects.toMatchObject({
      code: 'recipient',
      message: expect.stringMatching(new RegExp(`${fingerprint}.*${message.source}`, 'i')),
    });
  });

  test('several in one file, as `cat` puts them together, are all found', async () => {
    const [one, two] = [keys.cv25519, keys.rsa].map((fingerprint) => gnupg.run(['--export', '--armor', fingerprint]));
    const together = Buffer.concat([Buffer.from('keys of the team\n'), one ?? publicKeys, two ?? publicKeys]);
    const { keyIds } = await openRecipients([together], [keys.cv25519, keys.rsa]);
    expect(keyIds).toHaveLength(2);
  });

  test('one that nobody has, or that is no fingerprint, is refused', async () => {
    for (const wrong of ['0'.repeat(40), keys.cv25519.slice(-16), 'k1@example.org'])
      await expect(openRecipients([publicKeys], [wrong])).rejects.toMatchObject({ code: 'recipient' });
  });

  test('one that expires within a month is warned about', async () => {
    const fingerprint = gnupg.makeKey('cv25519', { expires: '20d' });
    const { warnings } = await openRecipients([await exportFromGpg(fingerprint)], [fingerprint]);
    expect(warnings).toEqual([expect.stringContaining(`${fingerprint} (key`)]);
  });

  test('a subkey that expires before its key is warned about, too', async () => {
    const fingerprint = gnupg.makeKey('cv25519', { signOnly: true });
    gnupg.run([
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
      '--quick-add-key',
      fingerprint,
      'cv25519',
      'encr',
      '20d',
    ]);
    const { warnings, goodUntil } = await openRecipients([await exportFromGpg(fingerprint)], [fingerprint]);
    expect(warnings).toEqual([expect.stringContaining(`${fingerprint} (key`)]);
    expect(goodUntil && goodUntil < new Date()).toBe(true);
  });

  test('a new subkey makes another set of the same recipient', async () => {
    const fingerprint = gnupg.makeKey('cv25519');
    const before = await openRecipients([await exportFromGpg(fingerprint)], [fingerprint]);
    // The newest subkey counts, in whole seconds.
    const add = ['--faked-system-time', '20400101T000000!', '--pinentry-mode', 'loopback', '--passphrase', ''];
    gnupg.run([...add, '--quick-add-key', fingerprint, 'cv25519', 'encr', 'never']);
    const now = new Date('2040-06-01');
    const after = await openRecipients([await exportFromGpg(fingerprint)], [fingerprint], { now });
    expect(after.setId).not.toBe(before.setId);
    expect(after.keyIds).not.toEqual(before.keyIds);
  });

  test('a set has the same id in any order, and another one than any other set', async () => {
    const id = async (...fingerprints: readonly string[]) => (await openRecipients([publicKeys], fingerprints)).setId;
    expect(await id(keys.rsa, keys.cv25519)).toBe(await id(keys.cv25519, keys.rsa, keys.rsa));
    expect(await id(keys.rsa)).not.toBe(await id(keys.cv25519, keys.rsa));
  });
});
