import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openDecryptor } from '../../src/ciphers/decryptor.ts';
import { openEncryptor } from '../../src/ciphers/encryptor.ts';
import { exportFromGpg, openWithGpg } from '../../src/ciphers/gpg.ts';
import { audienceOf, splitMessage } from '../../src/ciphers/packets.ts';
import { openRecipients } from '../../src/ciphers/recipients.ts';
import { openWithSecretKeys } from '../../src/ciphers/secret-keys.ts';
import { startGnupg } from './gnupg.ts';

const gnupg = startGnupg();
const passphrase = 'correct horse';
const keys = {
  cv25519: gnupg.makeKey('cv25519'),
  rsa: gnupg.makeKey('rsa3072'),
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

  test('hundreds of values open with one run of gpg, each as it was', async () => {
    const encryptor = await encryptorFor(keys.cv25519);
    const directory = join(gnupg.home, 'values');
    mkdirSync(directory);
    const names = Array.from({ length: 300 }, (_, index) => join(directory, `v${index}`));
    for (const [index, name] of names.entries())
      writeFileSync(`${name}.gpg`, await encryptor.encrypt(key(`k${index}`), key(`value ${index}\n`.repeat(index))));
    gnupg.run(['--decrypt-files', ...names.map((name) => `${name}.gpg`)]);
    for (const [index, name] of names.entries())
      expect(readFileSync(name, 'utf8')).toBe(`value ${index}\n`.repeat(index));
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

  test('through gpg too, whose exit status is no proof', async () => {
    const message = Buffer.from(await (await encryptorFor(keys.cv25519)).encrypt(key('a'), key('value')));
    for (let byte = 0; byte < message.length; byte += 5) {
      const changed = Buffer.from(message);
      changed.writeUInt8(changed.readUInt8(byte) ^ (1 << (byte & 7)), byte);
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
  ] as const)('a key that is %s is refused by name', async (_what, make, message, later) => {
    const fingerprint = make();
    const file = gnupg.run(['--export', fingerprint]);
    await expect(openRecipients([file], [fingerprint], { now: new Date(Date.now() + later) })).rejects.toMatchObject({
      code: 'recipient',
      message: expect.stringMatching(new RegExp(`${fingerprint}.*${message.source}`, 'i')),
    });
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

  test('a set has the same id in any order, and another one than any other set', async () => {
    const id = async (...fingerprints: readonly string[]) => (await openRecipients([publicKeys], fingerprints)).setId;
    expect(await id(keys.rsa, keys.cv25519)).toBe(await id(keys.cv25519, keys.rsa, keys.rsa));
    expect(await id(keys.rsa)).not.toBe(await id(keys.cv25519, keys.rsa));
  });
});
