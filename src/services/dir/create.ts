import { constants } from 'node:fs';
import { link, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { reasonOf } from '../../errors.ts';
import type { Node } from '../../snapshot/node.ts';
import type { Outcome } from '../service.ts';
import { temporaryName } from './temporary.ts';

/**
 * Creates one file or directory below `top` if there is nothing of that name. The name is checked already; every
 * directory on the way has to be a real one, so that no link leads out of `top`.
 */
export async function createNode(top: Buffer, node: Node): Promise<Outcome> {
  try {
    await makeTop(top);
    const path = Buffer.concat([top, Buffer.from('/'), node.key]);
    const stray = await strayParent(top, Buffer.from(node.key));
    if (stray !== undefined) return { status: 'failed', reason: stray };
    const created =
      node.value === null
        ? await makeDirectory(path)
        : await writeFile(path, node.value, node.attributes?.['executable'] === true);
    return created ? { status: 'created' } : { status: 'exists', same: await isSame(path, node) };
  } catch (error) {
    return { status: 'failed', reason: reasonOf(error) };
  }
}

/** Makes durable what a directory names. Windows neither needs nor allows it. */
export async function syncDirectory(path: Buffer): Promise<void> {
  if (process.platform === 'win32') return;
  await using directory = await open(path, constants.O_RDONLY);
  await directory.sync();
}

async function makeTop(top: Buffer): Promise<void> {
  await mkdir(top).catch(unlessExists);
}

/** The first parent that is not a directory. Nothing but this process keeps it from becoming one afterwards. */
async function strayParent(top: Buffer, key: Buffer): Promise<string | undefined> {
  for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
    const parent = key.subarray(0, slash);
    const stat = await lstat(Buffer.concat([top, Buffer.from('/'), parent]));
    if (!stat.isDirectory()) return `${parent} is ${stat.isSymbolicLink() ? 'a symbolic link' : 'no directory'}`;
  }
  return undefined;
}

async function makeDirectory(path: Buffer): Promise<boolean> {
  return mkdir(path).then(() => true, unlessExists);
}

/** Writes under a temporary name and links that to the right one, which is atomic and fails where there is anything. */
async function writeFile(path: Buffer, value: Uint8Array, executable: boolean): Promise<boolean> {
  if (
    await lstat(path).then(
      () => true,
      () => false,
    )
  )
    return false;
  const directory = path.subarray(0, path.lastIndexOf('/') + 1);
  const temporary = Buffer.concat([directory, Buffer.from(temporaryName())]);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    await using file = await open(temporary, flags, executable ? 0o777 : 0o666);
    await file.writeFile(value);
    await file.sync();
    return await link(temporary, path).then(() => true, unlessExists);
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

async function isSame(path: Buffer, { value, attributes }: Node): Promise<boolean> {
  const stat = await lstat(path);
  if (value === null) return stat.isDirectory();
  if (!stat.isFile() || stat.size !== value.length) return false;
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const executable = (stat.mode & 0o111) !== 0;
  return executable === (attributes?.['executable'] === true) && Buffer.compare(await file.readFile(), value) === 0;
}

function unlessExists(error: unknown): false {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
  throw error;
}
