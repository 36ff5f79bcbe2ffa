import { appendFile, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ErrorCode, reasonOf, TreekeeperError } from '../errors.ts';
import { isThere } from './is-there.ts';
import { lockDirectory, ownerName, scratchPrefix } from './leftovers.ts';
import { thisProcess } from './process-identity.ts';
import { listRefs, readCommits } from './refs.ts';
import type { Repository } from './repository.ts';

/*
 * What a repository's own configuration says is somebody's text: it can name programs to run (a proxy, an ssh command, a
 * credential helper, an upload-pack), other places than the URL (insteadOf), and files to include. git has no switch to
 * leave it out. So git talks to a remote from an empty repository that is made for the call, whose configuration is ours
 * and whose objects are those of the real one. Making it takes 2 ms.
 */

/** A repository for one conversation with a remote. Disposing of it removes it. */
export interface Scratch extends AsyncDisposable {
  readonly gitDir: string;
  /** Makes what git writes go into the real repository. */
  readonly env: { readonly [name: string]: string };
  /**
   * Lets git find a password in the environment, as `TREEKEEPER_GIT_PASSWORD`, with `TREEKEEPER_GIT_USER`. It is for `origin`
   * (`https://host:port`) alone: a host that this one redirects to is not given it.
   */
  usePassword(origin: string): Promise<void>;
  /** Takes over which commits have no parents here, after a fetch of a part of a history. */
  keepShallow(): Promise<void>;
}

/** Opens one with the objects of a repository, or with none. Throws `TreekeeperError(code)` where the disk refuses. */
export async function openScratch(repository: Repository | undefined, code: ErrorCode): Promise<Scratch> {
  const orFail = async <Result>(write: () => Promise<Result>): Promise<Result> => {
    try {
      return await write();
    } catch (cause) {
      if (cause instanceof TreekeeperError) throw cause;
      throw new TreekeeperError(code, `cannot write what git needs to talk to a remote: ${reasonOf(cause)}`, { cause });
    }
  };
  const shallow = repository && join(repository.commonDir, 'shallow');
  const gitDir = await orFail(() => makeDirectory(repository));
  // What cannot be removed is in nobody's way, and the next run clears it.
  const remove = () => rm(gitDir, { recursive: true, force: true }).catch(() => {});

  return {
    gitDir,
    env: repository ? { GIT_OBJECT_DIRECTORY: join(repository.commonDir, 'objects') } : {},

    usePassword(origin) {
      // An empty entry ends the list of helpers before it, which may know another password. A helper is a line of shell, which
      // works where nothing in the temporary directory may be executed.
      const helper = String.raw`!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \"$TREEKEEPER_GIT_USER\" \"$TREEKEEPER_GIT_PASSWORD\"; }; f`;
      const section = `[credential "${origin}"]\n\thelper =\n\thelper = "${helper}"\n`;
      return orFail(() => appendFile(join(gitDir, 'config'), section));
    },

    keepShallow: () =>
      orFail(async () => {
        if (!shallow) return;
        if (await isThere(join(gitDir, 'shallow'))) await copyFile(join(gitDir, 'shallow'), shallow);
        else await rm(shallow, { force: true });
      }),

    [Symbol.asyncDispose]: remove,
  };
}

async function fill(gitDir: string, repository: Repository | undefined): Promise<void> {
  await writeFile(join(gitDir, ownerName), JSON.stringify(thisProcess()));
  await mkdir(join(gitDir, 'objects'));
  await mkdir(join(gitDir, 'refs'));
  await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(join(gitDir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
  if (!repository) return;
  // What the real one has, so that it is neither sent nor fetched again. git gives up where one of them names nothing.
  const refs = [...(await listRefs(repository.gitDir, 'refs'))];
  const commits = await readCommits(
    repository.gitDir,
    refs.map(([, oid]) => oid),
  );
  const lines = refs.filter((_, index) => commits[index] !== undefined).map(([ref, oid]) => `${oid} ${ref}\n`);
  await writeFile(join(gitDir, 'packed-refs'), `# pack-refs with: sorted \n${lines.join('')}`);
  const shallow = join(repository.commonDir, 'shallow');
  if (await isThere(shallow)) await copyFile(shallow, join(gitDir, 'shallow'));
}

/** Beside the lock, where the next run clears it away if this one is killed; elsewhere where that cannot be written. */
async function makeDirectory(repository: Repository | undefined): Promise<string> {
  if (repository) {
    const parent = join(repository.commonDir, lockDirectory);
    try {
      await mkdir(parent, { recursive: true });
      return await makeFilled(join(parent, scratchPrefix), repository);
    } catch {
      // It may be read only, or its disk is full: then a push is wanted most.
    }
  }
  return makeFilled(join(tmpdir(), 'treekeeper-'), repository);
}

async function makeFilled(prefix: string, repository: Repository | undefined): Promise<string> {
  const gitDir = await mkdtemp(prefix);
  try {
    await fill(gitDir, repository);
    return gitDir;
  } catch (thrown) {
    await rm(gitDir, { recursive: true, force: true }).catch(() => {});
    throw thrown;
  }
}
