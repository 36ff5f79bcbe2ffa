import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { openDecryptor } from '../../src/ciphers/decryptor.ts';
import { openWithSecretKeys } from '../../src/ciphers/secret-keys.ts';
import { type BackupOptions, backup } from '../../src/operations/backup.ts';
import { openForBackup } from '../../src/operations/open.ts';
import type { RuleSource } from '../../src/operations/rules.ts';
import { openDir } from '../../src/services/dir.ts';
import type { Service } from '../../src/services/service.ts';
import { temporaryDirectory } from '../servers/process.ts';

/** Somebody with a key that openpgp.js made. */
export interface Person {
  readonly fingerprint: string;
  readonly publicKey: Buffer;
  /** Opens what is encrypted to this person. */
  readonly decryptor: ReturnType<typeof openDecryptor>;
}

export async function makePerson(name: string): Promise<Person> {
  const userIDs = [{ name, email: `${name}@example.org` }];
  const made = await openpgp.generateKey({ type: 'ecc', curve: 'curve25519Legacy', userIDs, format: 'armored' });
  const key = await openpgp.readKey({ armoredKey: made.publicKey });
  const secret = await openWithSecretKeys(Buffer.from(made.privateKey), () =>
    Promise.reject(new Error('no passphrase')),
  );
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    publicKey: Buffer.from(made.publicKey),
    decryptor: openDecryptor(secret),
  };
}

/** A directory that is backed up into a repository, with files of public keys. */
export async function sealedStore(...people: readonly Person[]) {
  const directory = await temporaryDirectory();
  const { path } = directory;
  const live = join(path, 'live');
  mkdirSync(live);
  const keyFiles = people.map(({ fingerprint, publicKey }) => {
    writeFileSync(join(path, fingerprint), publicKey);
    return join(path, fingerprint);
  });
  const { repository } = await openForBackup(join(path, 'repo.git'), undefined, false);
  const git = (...args: string[]) => execFileSync('git', ['-C', repository.gitDir, ...args]);
  const blob = (file: string, revision = 'main') => git('show', `${revision}:s/${file}`);
  return {
    path,
    live,
    repository,
    git: (...args: string[]) =>
      git(...args)
        .toString()
        .trimEnd(),
    blob,
    cache: (name: string) => join(repository.gitDir, 'treekeeper', `${name}-s`),
    /** Makes files, and removes those without a content. */
    write(files: { readonly [name: string]: string | undefined }) {
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(join(live, name, '..'), { recursive: true });
        if (content === undefined) rmSync(join(live, name));
        else writeFileSync(join(live, name), content);
      }
    },
    rule: (keys: string, ...recipients: readonly Person[]): RuleSource => ({
      keys: [keys],
      recipients: recipients.map(({ fingerprint }) => fingerprint),
      keyFiles,
    }),
    take(
      encrypt: readonly RuleSource[] | undefined,
      { service = openDir({ path: live }), ...options }: BackupOptions & { service?: Service } = {},
    ) {
      const policy = { include: [], exclude: [], ephemeral: 'skip', ...(encrypt && { encrypt }) } as const;
      return backup(repository, { store: 's', service, policy }, options);
    },
    async show(person: Person, key: string, revision = 'main') {
      const value = await person.decryptor.decrypt(Buffer.from(key), blob(`${key}.gpg`, revision));
      return Buffer.from(value).toString();
    },
    /** `A name`, `M name`, `D name`: what a commit did to files. */
    did: (revision = 'main') =>
      git('diff-tree', '-r', '--name-status', '--no-renames', `${revision}~1`, revision)
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => line.replace('\ts/', ' ')),
    trailer: (name: string, revision = 'main') =>
      git('log', '-1', `--format=%(trailers:key=${name},valueonly)`, revision).toString().trim(),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
