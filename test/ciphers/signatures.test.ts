import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readKeys } from '../../src/ciphers/recipients.ts';
import { openGpgSigningKey, openSigningKey } from '../../src/ciphers/signing.ts';
import { verifySignature } from '../../src/ciphers/verify.ts';
import { addSignature, splitSignature } from '../../src/git/signature.ts';
import { git, temporaryDirectory } from '../git/temporary.ts';
import { startGnupg } from './gnupg.ts';

const gnupg = startGnupg();
const passphrase = 'correct horse';
const fingerprints = {
  ed25519: gnupg.makeKey('ed25519', { signOnly: true }),
  rsa: gnupg.makeKey('rsa3072', { signOnly: true }),
  nistp256: gnupg.makeKey('nistp256', { signOnly: true }),
  protected: gnupg.makeKey('ed25519', { signOnly: true, passphrase }),
};
const unlock = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
const secretOf = (fingerprint: string) => gnupg.run([...unlock, '--export-secret-keys', fingerprint]);
const publicOf = (fingerprint: string) => readKeys(gnupg.run(['--export', fingerprint]));
const noPassphrase = () => Promise.reject(new Error('no passphrase was to be asked for'));
const content = Buffer.from(`tree ${'1'.repeat(40)}\nauthor Zoë <z@x> 1 +0000\ncommitter Zoë <z@x> 1 +0000\n\ntold\n`);

beforeEach(() => void vi.stubEnv('GNUPGHOME', gnupg.home));
afterEach(() => vi.unstubAllEnvs());

/** Whether git, which asks gpg, takes the signature of a commit for good. */
function gitSays(commit: Uint8Array): string {
  const repository = temporaryDirectory();
  git(repository, ['init', '--quiet', '--bare']);
  const oid = git(repository, ['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], commit);
  return git(repository, ['log', '-1', '--format=%G? %GP', oid]);
}

describe('what is signed here', () => {
  test.each(Object.entries(fingerprints))('with a %s key of a file, git finds good', async (_kind, fingerprint) => {
    const key = await openSigningKey(secretOf(fingerprint), undefined, async () => passphrase);
    expect(key).toMatchObject({ fingerprint, warnings: [] });
    const signature = await key.sign(content);
    expect(gitSays(addSignature(content, signature))).toBe(`G ${fingerprint}`);
    expect(await verifySignature(content, signature, await publicOf(fingerprint))).toEqual({ signer: fingerprint });
  });

  test('through gpg, git and this find good', async () => {
    const key = await openGpgSigningKey(fingerprints.rsa);
    const signature = await key.sign(content);
    expect(gitSays(addSignature(content, signature))).toBe(`G ${fingerprints.rsa}`);
    expect(await verifySignature(content, signature, await publicOf(fingerprints.rsa))).toEqual({
      signer: fingerprints.rsa,
    });
  });

  test('with a subkey whose primary key is elsewhere, is the signature of the primary key', async () => {
    const primary = gnupg.makeKey('ed25519', { signOnly: true });
    gnupg.run(['--pinentry-mode', 'loopback', '--passphrase', '', '--quick-add-key', primary, 'ed25519', 'sign']);
    const key = await openSigningKey(gnupg.run(['--export-secret-subkeys', primary]), undefined, noPassphrase);
    const signature = await key.sign(content);
    expect(gitSays(addSignature(content, signature))).toBe(`G ${primary}`);
    expect(await verifySignature(content, signature, await publicOf(primary))).toEqual({ signer: primary });
  });

  test('needs a key that can sign now, and the right passphrase', async () => {
    const expired = gnupg.makeKey('ed25519', { signOnly: true, expires: '20200102T000000', at: '20200101T000000' });
    const open = (fingerprint: string, given = passphrase) =>
      openSigningKey(secretOf(fingerprint), undefined, async () => given);
    await expect(open(expired)).rejects.toMatchObject({ code: 'unsigned', message: expect.stringMatching(/expired/) });
    await expect(openGpgSigningKey(expired)).rejects.toMatchObject({ code: 'unsigned' });
    await expect(openGpgSigningKey('0'.repeat(40))).rejects.toMatchObject({ code: 'unsigned' });
    await expect(open(fingerprints.protected, 'wrong')).rejects.toMatchObject({ code: 'decrypt' });
    const both = Buffer.concat([secretOf(fingerprints.rsa), secretOf(fingerprints.ed25519)]);
    await expect(openSigningKey(both, undefined, noPassphrase)).rejects.toMatchObject({ code: 'unsigned' });
    expect(await openSigningKey(both, fingerprints.ed25519, noPassphrase)).toMatchObject({
      fingerprint: fingerprints.ed25519,
    });
  });
});

describe('a signature', () => {
  test.each(['ed25519', 'rsa'] as const)(
    'of gpg with a %s key is good, and no bit of it or under it can change',
    async (kind) => {
      const keys = await publicOf(fingerprints[kind]);
      const signature = gnupg.run(['--local-user', fingerprints[kind], '--detach-sign', '--armor'], content).toString();
      const commit = addSignature(content, signature);
      expect(gitSays(commit)).toMatch(/^G /);
      expect(splitSignature(commit)).toEqual({ content, signature });
      for (let bit = 0; bit < commit.length * 8; bit++) {
        const changed = Buffer.from(commit);
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const split = splitSignature(changed);
        const verdict =
          split.signature === undefined ? {} : await verifySignature(split.content, split.signature, keys);
        expect('signer' in verdict, `bit ${bit}`).toBe(false);
      }
    },
    60_000,
  );

  test('of our own cannot change in a bit either', async () => {
    const key = await openSigningKey(secretOf(fingerprints.ed25519), undefined, noPassphrase);
    const keys = await publicOf(fingerprints.ed25519);
    const signature = Buffer.from(await key.sign(content));
    for (let bit = 0; bit < signature.length * 8; bit++) {
      const changed = Buffer.from(signature);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(await verifySignature(content, changed.toString('latin1'), keys), `bit ${bit}`).toHaveProperty('problem');
    }
  }, 60_000);

  test('of a kind that covers less than the bytes does not count', async () => {
    const text = gnupg.run(['--local-user', fingerprints.rsa, '--detach-sign', '--textmode', '--armor'], content);
    expect(await verifySignature(content, text.toString(), await publicOf(fingerprints.rsa))).toHaveProperty('problem');
  });

  test('of somebody else is told with the id of the key', async () => {
    const signature = gnupg.run(['--local-user', fingerprints.rsa, '--detach-sign', '--armor'], content).toString();
    expect(await verifySignature(content, signature, await publicOf(fingerprints.ed25519))).toEqual({
      problem: `is signed by the key ${fingerprints.rsa.slice(-16)}, which is not among the trusted`,
    });
  });
});

describe('a signature that was made while its key was valid', () => {
  const sign = (fingerprint: string, at: string) =>
    gnupg
      .run(['--faked-system-time', `${at}!`, '--local-user', fingerprint, '--detach-sign', '--armor'], content)
      .toString();
  const old = () => gnupg.makeKey('ed25519', { signOnly: true, expires: '20210101T000000', at: '20200101T000000' });
  const verify = async (fingerprint: string, signature: string) =>
    verifySignature(content, signature, await publicOf(fingerprint));
  const revoke = (fingerprint: string, reason: string, at: string) => {
    const answers = Buffer.from(`y\n${reason}\n\ny\n`);
    const certificate = gnupg.run(
      ['--no-batch', '--command-fd', '0', '--faked-system-time', `${at}!`, '--generate-revocation', fingerprint],
      answers,
    );
    gnupg.run(['--import'], certificate);
  };

  test('stays good when the key has expired, or got another term since', async () => {
    const fingerprint = old();
    const signature = sign(fingerprint, '20200601T000000');
    expect(await verify(fingerprint, signature)).toEqual({ signer: fingerprint });
    gnupg.run(['--faked-system-time', '20201201T000000!', '--quick-set-expire', fingerprint, '20220101T000000']);
    expect(await verify(fingerprint, signature)).toEqual({ signer: fingerprint });
    expect(await verify(fingerprint, sign(fingerprint, '20210601T000000'))).toEqual({ signer: fingerprint });
  });

  test('stays good when the key was retired later, and is not when it was revoked as stolen or without a word', async () => {
    const before = '20200601T000000';
    for (const [reason, expected] of [
      ['3', true],
      ['2', true],
      ['1', false],
      ['0', false],
    ] as const) {
      const fingerprint = old();
      const signature = sign(fingerprint, before);
      revoke(fingerprint, reason, '20200901T000000');
      expect('signer' in (await verify(fingerprint, signature)), `reason ${reason}`).toBe(expected);
    }
  });

  test('is none where one copy of the key tells that it was stolen', async () => {
    const fingerprint = old();
    const signature = sign(fingerprint, '20200601T000000');
    const [copy] = await publicOf(fingerprint);
    revoke(fingerprint, '1', '20200901T000000');
    const [revoked] = await publicOf(fingerprint);
    for (const keys of [
      [copy, revoked],
      [revoked, copy],
    ])
      expect(
        await verifySignature(
          content,
          signature,
          keys.flatMap((key) => key ?? []),
        ),
      ).toHaveProperty('problem');
  });
});
