import { lstat, open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { exitCodes, reasonOf, TreekeeperError } from '../errors.ts';
import { openReader } from '../git/open-reader.ts';
import { createRepository, type Repository } from '../git/repository.ts';
import type { Unreadable } from '../services/service.ts';
import type { Counts } from '../snapshot/message.ts';
import type { Oid } from '../snapshot/objects.ts';
import { type BackupResult, backup } from './backup.ts';
import { readTip } from './commit-store.ts';
import { type Surroundings, storePolicy } from './connect.ts';
import type { Guard } from './guards.ts';
import { type BurryArchive, openBurryArchive } from './import-archive.ts';
import { presentSnapshot } from './import-present.ts';
import type { BurryKind } from './import-source.ts';
import { openForCommits } from './open.ts';

export type { Finding } from './import-archive.ts';
export type { BurryKind } from './import-source.ts';

/** The files of burry that a person has. */
export interface BurryFiles {
  readonly archives: readonly string[];
  /** Its manifests, `.burryfest`. */
  readonly manifests: readonly string[];
}

/** What became of one archive. */
export type Imported = Pick<BurryArchive, 'id' | 'time' | 'findings'> & {
  readonly path: string;
  readonly store: string;
  /** `present`: the repository has it already. `planned`: it was only read. */
  readonly status: BackupResult['status'] | 'present';
  /** The commit that has it, new or not. */
  readonly commit: Oid | undefined;
  readonly counts: Counts;
  readonly nodes: number;
  readonly unreadable: readonly Unreadable[];
  /** What the user has to know or do, as after a backup. */
  readonly warnings: readonly string[];
};

/** An archive that was not imported. */
export interface Refused {
  readonly path: string;
  readonly error: TreekeeperError;
}

export interface ImportOptions {
  readonly store: string | undefined;
  /** Of archives that do not tell. */
  readonly kind: BurryKind | undefined;
  readonly overridden: ReadonlySet<Guard>;
  readonly signal: AbortSignal;
  readonly onProgress: (nodes: number) => void;
}

const manifestName = '.burryfest';
const zipMagic = [Buffer.from('PK\x03\x04'), Buffer.from('PK\x05\x06')];

/**
 * The archives and manifests among the paths and below the directories among them, links not followed. burry gives what
 * it puts into S3 no file name extension, so it is the content that tells.
 */
export async function findBurryFiles(paths: readonly string[]): Promise<BurryFiles> {
  const archives: string[] = [];
  const manifests: string[] = [];
  for (const path of paths) {
    if (await isDirectory(path)) await search(path);
    else if (basename(path) === manifestName) manifests.push(path);
    else archives.push(path);
  }
  return { archives, manifests };

  async function search(directory: string): Promise<void> {
    for (const entry of (await readdir(directory, { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && !entry.name.endsWith('.git')) await search(path);
      else if (entry.isFile() && entry.name === manifestName) manifests.push(path);
      else if (entry.isFile() && (await isZip(path))) archives.push(path);
    }
  }
}

/**
 * Makes a snapshot of every archive, with its own date, oldest first. Archives that cannot be imported are told of one by
 * one, and the others are. What is in the repository already is left as it is, so that it can be run again.
 */
export async function* importArchives(
  repository: Repository,
  paths: readonly string[],
  surroundings: Surroundings,
  options: ImportOptions,
): AsyncGenerator<Imported | Refused> {
  const { read, refused } = await sortArchives(paths, options);
  yield* refused;
  for (const { path, store } of read) {
    options.signal.throwIfAborted();
    try {
      await using archive = await openBurryArchive(path, options.kind);
      const { id, time, findings } = archive;
      const told = { path, id, time, findings, store };
      const present = await alreadyPresent(repository, store, archive, surroundings);
      if (present !== undefined) {
        yield {
          ...told,
          status: 'present',
          commit: present,
          counts: unchanged,
          nodes: 0,
          unreadable: [],
          findings: [],
          warnings: [],
        };
        continue;
      }
      const taken = await takeArchive(repository, archive, store, surroundings, options);
      const { status, commit, report, unreadable, advice } = taken;
      const warnings = [...taken.warnings, ...(advice === undefined ? [] : [advice])];
      yield { ...told, status, commit, counts: report, nodes: report.nodes, unreadable, warnings };
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError) || !aboutOneArchive.includes(exitCodes[thrown.code])) throw thrown;
      yield { path, error: thrown };
    }
  }
}

/** How many nodes an archive changes that makes no commit. */
export const unchanged: Counts = { added: 0, changed: 0, removed: 0 };

/** Other errors concern the repository, and the next archive would meet them too. */
const aboutOneArchive: readonly number[] = [exitCodes.integrity, exitCodes.guard, exitCodes.failed, exitCodes.usage];

/** The repository to import into; made where it is missing, without a first commit of today. */
export async function openForImport(
  path: string,
  branch: string | undefined,
  surroundings: Pick<Surroundings, 'signer'>,
): Promise<{ repository: Repository; created: boolean; warnings: readonly string[] }> {
  const { warnings = [] } = (await surroundings.signer?.open()) ?? {};
  try {
    return { repository: await openForCommits(path, branch, surroundings), created: false, warnings };
  } catch (thrown) {
    if (!(thrown instanceof TreekeeperError) || thrown.code !== 'no-repository') throw thrown;
    await createRepository(path, branch);
    return { repository: await openForCommits(path, branch, surroundings), created: true, warnings };
  }
}

/** Oldest first, each with the store that it goes into. Throws `TreekeeperError('usage')` where that is not clear. */
export async function sortArchives(
  paths: readonly string[],
  { store, kind }: Pick<ImportOptions, 'store' | 'kind'>,
): Promise<{
  read: readonly { path: string; id: string; time: number; store: string }[];
  refused: readonly Refused[];
}> {
  const read: {
    path: string;
    id: string;
    time: number;
    store: string;
    kind: BurryKind;
    endpoint: string | undefined;
  }[] = [];
  const refused: Refused[] = [];
  for (const path of paths) {
    try {
      await using archive = await openBurryArchive(path, kind);
      const { id, time, endpoint } = archive;
      read.push({ path, id, time, kind: archive.kind, endpoint, store: store ?? archive.kind });
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError)) throw thrown;
      refused.push({ path, error: thrown });
    }
  }
  for (const name of new Set(read.map((archive) => archive.store))) {
    const members = read.filter((archive) => archive.store === name);
    const kinds = new Set(members.map((archive) => archive.kind));
    const endpoints = new Set(members.flatMap(({ endpoint }) => endpoint ?? []));
    if (kinds.size > 1) throw mixed(`archives of ${[...kinds].join(' and ')} cannot go into one store`);
    if (store === undefined && endpoints.size > 1) throw mixed(`the archives are of ${[...endpoints].join(' and ')}`);
  }
  return { read: read.sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1)), refused };
}

function mixed(fact: string): TreekeeperError {
  return new TreekeeperError('usage', fact, {
    hint: 'import the archives of one service at a time, each with its own --store; or with one --store for all, if they are one service',
  });
}

/** The commit that has an archive already, told by its name or by what it holds. Throws where it would have to go between. */
async function alreadyPresent(
  repository: Repository,
  store: string,
  archive: BurryArchive,
  surroundings: Surroundings,
): Promise<Oid | undefined> {
  await using reader = await openReader(repository);
  const tip = await readTip(reader, repository);
  if (!tip) return undefined;
  const policy = storePolicy(store, surroundings);
  const isOlder = archive.time < tip.commit.committer.time;
  const present = await presentSnapshot(reader, tip, store, archive, isOlder ? policy : undefined);
  if (present !== undefined || !isOlder) return present;
  const branch = repository.branch.slice('refs/heads/'.length);
  throw new TreekeeperError(
    'usage',
    `${archive.id} is older than the last snapshot on ${branch}, and a history does not run backwards`,
    { hint: 'import the archives into a repository of their own (--repo), or onto a new branch (--branch burry)' },
  );
}

function takeArchive(
  repository: Repository,
  { id, time, service }: BurryArchive,
  store: string,
  surroundings: Surroundings,
  { overridden, signal, onProgress }: ImportOptions,
): Promise<BackupResult> {
  const policy = storePolicy(store, surroundings);
  const source = { policy, store, service, archive: { name: `burry ${id}`, time } };
  return backup(repository, source, { overridden, signal, onProgress });
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (cause) {
    throw new TreekeeperError('usage', `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function isZip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && zipMagic.some((magic) => magic.equals(buffer));
  } finally {
    await file.close();
  }
}
