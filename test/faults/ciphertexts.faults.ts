import * as openpgp from 'openpgp';
import type { Decryptor, OpenSessionKey } from '../../src/ciphers/cipher.ts';
import { openDecryptor } from '../../src/ciphers/decryptor.ts';
import { openEncryptor } from '../../src/ciphers/encryptor.ts';
import { openWithGpg } from '../../src/ciphers/gpg.ts';
import { openWithPassphrases } from '../../src/ciphers/passphrases.ts';
import { openRecipients } from '../../src/ciphers/recipients.ts';
import { openWithSecretKeys } from '../../src/ciphers/secret-keys.ts';
import { TreekeeperError } from '../../src/errors.ts';
import { proveSealed } from '../../src/operations/prove-sealed.ts';
import { startGnupg } from '../ciphers/gnupg.ts';
import { type Subject, subject } from './subject.ts';

/** Ciphertexts of one way to encrypt, and who opens them. */
interface Kind {
  readonly name: string;
  readonly open: OpenSessionKey;
  readonly messages: readonly Sealed[];
}

interface Sealed {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly message: Buffer;
}

const values = ['', 'hunter2', 'a longer value\n'.repeat(40)].map((text) => Buffer.from(text));
const passphrase = 'correct horse';
const gnupg = startGnupg();

for (const mode of ['shared', 'per-value'] as const) {
  subject(`ciphertexts with ${mode} session keys, cut off, flipped and moved`, async (subject) => {
    for (const kind of await makeKinds(mode)) {
      // The passphrase takes 10 ms to try.
      const flips = subject.scale(kind.name.includes('passphrase') ? 40 : 500, Number.POSITIVE_INFINITY);
      await attack(subject, kind, { flips, cuts: kind.name.includes('passphrase') ? subject.scale(40, 1e9) : 1e9 });
    }
  });
}

subject('ciphertexts through gpg, cut off, flipped and moved', async (subject) => {
  process.env['GNUPGHOME'] = gnupg.home;
  const fingerprint = gnupg.makeKey('cv25519');
  const publicKey = gnupg.run(['--export', fingerprint]);
  const messages = await seal(await openRecipients([publicKey], [fingerprint]), 'per-value');
  const kind = { name: 'gpg', open: openWithGpg(), messages };
  await attack(subject, kind, { flips: subject.scale(80, Number.POSITIVE_INFINITY), cuts: subject.scale(30, 1e9) });
});

async function makeKinds(mode: 'shared' | 'per-value'): Promise<Kind[]> {
  const people = await Promise.all(['a', 'b', 'c'].map(makePerson));
  const publicKeys = people.map(({ publicKey }) => publicKey);
  const fingerprints = people.map(({ fingerprint }) => fingerprint);
  const open = (people[2] ?? people[0])?.open;
  if (!open) throw new Error('nobody is there');
  const one = await openRecipients(publicKeys, fingerprints.slice(2));
  const three = await openRecipients(publicKeys, fingerprints);
  const either = await openRecipients(publicKeys, fingerprints.slice(2), { passphrase });
  return [
    { name: 'one recipient', open, messages: await seal(one, mode) },
    { name: 'three recipients', open, messages: await seal(three, mode) },
    { name: 'a recipient or a passphrase', open, messages: await seal(either, mode) },
    {
      name: 'a passphrase',
      open: openWithPassphrases([passphrase]),
      messages: await seal(await openRecipients([], [], { passphrase }), mode),
    },
  ];
}

async function makePerson(name: string) {
  const userIDs = [{ name, email: `${name}@example.org` }];
  const pair = await openpgp.generateKey({ type: 'ecc', curve: 'curve25519Legacy', userIDs, format: 'armored' });
  const key = await openpgp.readKey({ armoredKey: pair.publicKey });
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    publicKey: Buffer.from(pair.publicKey),
    open: await openWithSecretKeys(Buffer.from(pair.privateKey), () => Promise.reject(new Error('none'))),
  };
}

async function seal(recipients: Awaited<ReturnType<typeof openRecipients>>, mode: 'shared' | 'per-value') {
  const encryptor = openEncryptor(recipients, mode);
  const sealed: Sealed[] = [];
  for (const [index, value] of values.entries()) {
    const key = Buffer.from(`app/${index}`);
    sealed.push({ key, value, message: Buffer.from(await encryptor.encrypt(key, value)) });
  }
  return sealed;
}

/** Does everything to every message that makes it another one, and opens it as a restore and as a check with the key do. */
async function attack(
  subject: Subject,
  { name, open, messages }: Kind,
  { flips, cuts }: { readonly flips: number; readonly cuts: number },
): Promise<void> {
  const { random, count, must } = subject;
  const warm = openDecryptor(open);
  for (const { key, value, message } of messages) {
    must(Buffer.compare(await warm.decrypt(key, message), value) === 0, `${name}: does not open as it is`);
    for (const length of some(subject, message.length, cuts)) {
      await refuse(`${name}, cut off at ${length}`, key, message.subarray(0, length));
      count('cuts');
    }
    for (const bit of some(subject, message.length * 8, flips)) {
      const flipped = Buffer.from(message);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await refuse(`${name}, bit ${bit} of ${message.length * 8}`, key, flipped);
      count('flips');
    }
    await refuse(`${name}, twice`, key, Buffer.concat([message, message]));
    await refuse(`${name}, with a byte more`, key, Buffer.concat([message, random.bytes(1)]));
    count('longer', 2);
    for (const other of messages.filter((candidate) => candidate.message !== message)) {
      await refuse(`${name}, in the place of another`, other.key, message);
      const [half, rest] = [message.subarray(0, message.length >> 1), other.message.subarray(message.length >> 1)];
      await refuse(`${name}, half of one and half of another`, key, Buffer.concat([half, rest]));
      count('moved', 2);
    }
  }

  /** A decryptor that has opened others of the run knows its session key; one that has not has to ask. */
  async function refuse(what: string, key: Uint8Array, message: Uint8Array): Promise<void> {
    for (const decryptor of [warm, openDecryptor(open)]) {
      must(!(await accepts(decryptor, key, message)), `${what}: opened`);
      if (decryptor !== warm) continue;
      const proof = await answerOf(() => proveSealed(key, message, decryptor));
      must(proof !== 'opened', `${what}: check says that it opened`);
    }
  }
}

async function accepts(decryptor: Decryptor, key: Uint8Array, message: Uint8Array): Promise<boolean> {
  return (await answerOf(() => decryptor.decrypt(key, message))) !== undefined;
}

/** `undefined` for a refusal; anything else that is thrown is a defect. */
async function answerOf<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof TreekeeperError && ['integrity', 'decrypt'].includes(thrown.code)) return undefined;
    throw thrown;
  }
}

/** That many of the first whole numbers, at random, or all of them. */
function* some({ random }: Subject, below: number, many: number): Generator<number> {
  if (many >= below) for (let number = 0; number < below; number++) yield number;
  else for (let times = 0; times < many; times++) yield random.below(below);
}
