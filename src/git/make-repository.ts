import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, syncFile } from './durable.ts';
import { isThere } from './is-there.ts';
import { makingPrefix } from './leftovers.ts';
import { initBare } from './upkeep.ts';

/**
 * Makes a bare repository in a directory that is begun, empty or missing, durably. `HEAD` comes last: before it is there, the
 * directory is no repository, and the next run goes on from whatever a killed one left. Answers false where another run,
 * which may work at the same time, was quicker.
 */
export async function makeRepository(root: string, branch: string): Promise<boolean> {
  // Inside of the directory: that is writable, and on the right disk, whatever is above.
  const place = join(root, `${makingPrefix}${randomBytes(8).toString('hex')}`);
  const above = await mkdir(dirname(root), { recursive: true });
  await mkdir(root, { mode: 0o700 }).catch(unlessThere);
  const isFirst = await makeIn(place, root, branch).catch(async (thrown: unknown) => {
    // Another run that has made it clears away what this one works in, piece by piece.
    const isTaken = !(await isThere(join(place, 'HEAD'))) && (await isThere(join(root, 'HEAD')));
    if (!isTaken) throw thrown;
    return false;
  });
  for (let path = dirname(root); ; path = dirname(path)) {
    await syncDirectory(path);
    if (above === undefined || path.length < above.length) break;
  }
  return isFirst;
}

async function makeIn(place: string, root: string, branch: string): Promise<boolean> {
  const remove = () => rm(place, { recursive: true, force: true }).catch(() => {});
  try {
    await mkdir(place, { mode: 0o700 });
    await initBare(place, branch);
    for (const name of ['HEAD', 'config']) await syncFile(join(place, name));
    for (const name of ['objects', 'refs']) await syncDirectory(join(place, name));
  } catch (thrown) {
    await remove();
    throw thrown;
  }

  // From here on it stays where anything fails: it tells the next run that the rest is ours.
  for (const entry of await readdir(place, { withFileTypes: true })) {
    // Directories are without content, and those of any other run are as good.
    const move = entry.isDirectory() ? rename : link;
    if (entry.name !== 'HEAD') await move(join(place, entry.name), join(root, entry.name)).catch(unlessThere);
  }
  await syncDirectory(root);
  const isFirst = await link(join(place, 'HEAD'), join(root, 'HEAD')).then(() => true, unlessThere);
  await syncDirectory(root);
  await remove();
  return isFirst;
}

function unlessThere(thrown: unknown): false {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'EEXIST' || code === 'ENOTEMPTY') return false;
  throw thrown;
}
