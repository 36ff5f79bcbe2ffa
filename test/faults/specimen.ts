import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import type { Decryptor } from '../../src/ciphers/cipher.ts';
import { openDecryptor } from '../../src/ciphers/decryptor.ts';
import { openWithSecretKeys } from '../../src/ciphers/secret-keys.ts';
import type { Trust } from '../../src/operations/trust.ts';
import { treekeeper } from '../commands/run.ts';

/** A repository with one of everything that can be damaged: three signed snapshots, the second one tagged. */
export interface Specimen {
  /** Where `treekeeper.yaml` and `snapshots.git` are. */
  readonly path: string;
  readonly repository: string;
  readonly decryptor: Decryptor;
  readonly trust: Trust;
  git(...args: string[]): string;
}

const tree: { readonly [name: string]: string | Uint8Array } = {
  'app/db/url': 'postgres://db1\n',
  'app/db/pool': 'max: 10\n'.repeat(40),
  'app/motd': 'one',
  'app/empty': '',
  'app/Foo': 'a capital',
  'app/foo': 'none',
  'app/a b:c\\d': Uint8Array.from({ length: 256 }, (_, byte) => byte),
  [`long/${'n'.repeat(240)}`]: 'a name of two pieces',
  'secret/password': 'hunter2',
  'secret/token': 'a token'.repeat(30),
};

/** Makes it with the built command line, the oldest snapshot in a pack, the next one in another, the newest one loose. */
export async function makeSpecimen(path: string): Promise<Specimen> {
  const userIDs = [{ name: 'host', email: 'host@example.org' }];
  const pair = await openpgp.generateKey({ type: 'ecc', curve: 'curve25519Legacy', userIDs, format: 'armored' });
  const fingerprint = (await openpgp.readKey({ armoredKey: pair.publicKey })).getFingerprint().toUpperCase();
  writeFileSync(join(path, 'host.key'), pair.privateKey);
  writeFileSync(join(path, 'host.asc'), pair.publicKey);
  const encrypt = `[{ keys: ["secret/**"], recipients: ["${fingerprint}"], keyFiles: [host.asc] }]`;
  writeFileSync(
    join(path, 'treekeeper.yaml'),
    `version: 1\nstores: { live: { service: "dir:live", encrypt: ${encrypt} } }\nsign: { keyFile: host.key }\n`,
  );
  for (const [name, content] of Object.entries(tree)) write(name, content);
  chmodSync(join(path, 'live/app/db/pool'), 0o755);
  mkdirSync(join(path, 'live/nothing in it'));

  const repository = join(path, 'snapshots.git');
  const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trimEnd();
  await take();
  git('repack', '-q', '-a', '-d');
  write('app/motd', 'two');
  write('secret/token', 'another');
  await take();
  git('tag', '-a', '-m', 'a name', 'v1', 'main');
  git('pack-refs', '--all');
  git('repack', '-q', '-d', '--write-midx');
  git('commit-graph', 'write', '--reachable');
  const packs = packsIn();
  write('app/motd', 'three');
  write('app/db/new', 'new');
  await take();
  for (const pack of packsIn().filter((name) => !packs.includes(name))) loosen(pack);

  const secret = await openWithSecretKeys(Buffer.from(pair.privateKey), () => Promise.reject(new Error('none')));
  const trust = { signers: [fingerprint], keyFiles: [join(path, 'host.asc')] };
  return { path, repository, decryptor: openDecryptor(secret), trust, git };

  function write(name: string, content: string | Uint8Array): void {
    mkdirSync(join(path, 'live', name, '..'), { recursive: true });
    writeFileSync(join(path, 'live', name), content);
  }

  async function take(): Promise<void> {
    const { status, stderr } = await treekeeper(path, ['backup', 'live'], { GNUPGHOME: path });
    if (status !== 0) throw new Error(stderr);
  }

  function packsIn(): string[] {
    return readdirSync(join(repository, 'objects/pack')).filter((name) => name.endsWith('.pack'));
  }

  function loosen(pack: string): void {
    const aside = join(path, 'aside.pack');
    renameSync(join(repository, 'objects/pack', pack), aside);
    execFileSync('git', ['-C', repository, 'unpack-objects', '-q'], { input: readFileSync(aside) });
    for (const end of ['.idx', '.rev'])
      rmSync(join(repository, 'objects/pack', pack.replace(/\.pack$/, end)), { force: true });
    rmSync(aside);
  }
}
