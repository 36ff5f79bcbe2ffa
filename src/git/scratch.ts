import { appendFile, chmod, copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listRefs } from './refs.ts';
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
  /** Answers a program that tells git the password which it finds in the environment as `TREEKEEPER_GIT_PASSWORD`. */
  askpass(): Promise<string>;
  /** Takes over which commits have no parents here, after a fetch of a part of a history. */
  keepShallow(): Promise<void>;
}

/** Opens one with the objects of a repository, or with none. */
export async function openScratch(repository: Repository | undefined): Promise<Scratch> {
  const gitDir = await mkdtemp(join(tmpdir(), 'treekeeper-'));
  await mkdir(join(gitDir, 'objects'));
  await mkdir(join(gitDir, 'refs'));
  await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(join(gitDir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
  const shallow = repository && join(repository.commonDir, 'shallow');
  if (repository && shallow) {
    // What the real one has, so that it is neither sent nor fetched again.
    const refs = [...(await listRefs(repository.gitDir, 'refs'))].map(([ref, oid]) => `${oid} ${ref}\n`);
    await writeFile(join(gitDir, 'packed-refs'), `# pack-refs with: sorted \n${refs.join('')}`);
    if (await isThere(shallow)) await copyFile(shallow, join(gitDir, 'shallow'));
  }

  return {
    gitDir,
    env: repository ? { GIT_OBJECT_DIRECTORY: join(repository.commonDir, 'objects') } : {},

    async askpass() {
      // An empty entry ends the list of helpers before it, which may know another password.
      await appendFile(join(gitDir, 'config'), '[credential]\n\thelper =\n');
      const path = join(gitDir, 'askpass');
      await writeFile(
        path,
        '#!/bin/sh\ncase "$1" in User*) echo git ;; *) printf "%s\\n" "$TREEKEEPER_GIT_PASSWORD" ;; esac\n',
      );
      await chmod(path, 0o700);
      return path;
    },

    async keepShallow() {
      if (!shallow) return;
      if (await isThere(join(gitDir, 'shallow'))) await copyFile(join(gitDir, 'shallow'), shallow);
      else await rm(shallow, { force: true });
    },

    [Symbol.asyncDispose]: () => rm(gitDir, { recursive: true, force: true }),
  };
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
