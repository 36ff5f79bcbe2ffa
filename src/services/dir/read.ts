import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, opendir } from 'node:fs/promises';
import { reasonOf, TreekeeperError } from '../../errors.ts';
import type { Node } from '../../snapshot/node.ts';
import { latin1 } from '../../snapshot/paths.ts';
import type { ReadEvent, Skipped, Unreadable } from '../service.ts';
import { isTemporary } from './temporary.ts';

/** Files being read at once. More gains nothing, and each takes a descriptor. */
const inFlight = 16;

/** A batch goes out when it has this many nodes, or values of this many bytes. */
const batchNodes = 1_000;
const batchBytes = 8 * 1024 * 1024;

/** How often a file that changes while it is read is read again. */
const mostTries = 3;

/** One name in a directory, as it was found. */
type Found =
  | { readonly type: 'file'; readonly node: Node; readonly state: string }
  | { readonly type: 'directory'; readonly key: Buffer }
  | { readonly type: 'unreadable'; readonly item: Unreadable }
  | { readonly type: 'skipped'; readonly item: Skipped }
  | { readonly type: 'gone' };

/**
 * Reads everything below `top`, a directory before what is in it. A file that vanishes meanwhile is simply gone. Throws
 * `TreekeeperError('unreachable')` where `top` itself cannot be read.
 */
export async function* readTree(top: Buffer, signal: AbortSignal | undefined): AsyncGenerator<ReadEvent> {
  const start = Date.now();
  /** What each name looked like when it was read, to find out whether anything moved during the read. */
  const seen = new Map<string, string>();
  const open: Buffer[] = [Buffer.alloc(0)];
  let nodes: Node[] = [];
  let bytes = 0;

  for (let directory = open.pop(); directory; directory = open.pop()) {
    const unreadable: Unreadable[] = [];
    const skipped: Skipped[] = [];
    seen.set(latin1(directory), await stateOf(join(top, directory)));
    const names = await listNames(join(top, directory));
    if (typeof names === 'string') {
      if (directory.length === 0) throw new TreekeeperError('unreachable', `cannot read ${latin1(top)}: ${names}`);
      yield { type: 'batch', nodes: [], unreadable: [{ key: directory, reason: names, subtree: true }] };
      continue;
    }

    if (directory.length > 0) nodes.push({ key: directory, value: null, attributes: undefined, ephemeral: undefined });
    for (let at = 0; at < names.length; at += inFlight) {
      signal?.throwIfAborted();
      const keys = names.slice(at, at + inFlight).map((name) => join(directory, name));
      for (const found of await Promise.all(keys.map((key) => readName(top, key)))) {
        if (found.type === 'unreadable') unreadable.push(found.item);
        if (found.type === 'skipped') skipped.push(found.item);
        if (found.type === 'directory') open.push(found.key);
        if (found.type !== 'file') continue;
        seen.set(latin1(found.node.key), found.state);
        nodes.push(found.node);
        bytes += found.node.value?.length ?? 0;
      }
      if (nodes.length < batchNodes && bytes < batchBytes) continue;
      yield { type: 'batch', nodes };
      [nodes, bytes] = [[], 0];
    }
    if (unreadable.length > 0 || skipped.length > 0) yield { type: 'batch', nodes: [], unreadable, skipped };
  }
  if (nodes.length > 0) yield { type: 'batch', nodes };

  const moved = await countMoved(top, seen);
  if (moved === 0) yield { type: 'end', consistency: 'quiescent', revision: undefined };
  else
    yield {
      type: 'end',
      consistency: 'fuzzy',
      window: `${moved} moved within ${Date.now() - start} ms`,
      revision: undefined,
    };
}

async function listNames(path: Buffer): Promise<Buffer[] | string> {
  try {
    const names: Buffer[] = [];
    for await (const entry of await opendir(path, { encoding: 'buffer' as BufferEncoding })) {
      const name = entry.name as unknown as Buffer;
      if (!isTemporary(name)) names.push(name);
    }
    return names.sort(Buffer.compare);
  } catch (error) {
    return reasonOf(error);
  }
}

async function readName(top: Buffer, key: Buffer): Promise<Found> {
  const path = join(top, key);
  try {
    const stat = await lstat(path, { bigint: true });
    if (stat.isDirectory()) return { type: 'directory', key };
    if (stat.isFile()) return await readFile(path, key);
    return { type: 'skipped', item: { key, reason: stat.isSymbolicLink() ? 'symbolic link' : 'special file' } };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return { type: 'gone' };
    return { type: 'unreadable', item: { key, reason: reasonOf(error), subtree: false } };
  }
}

/** Reads a file so that what is read is what the file was at one moment, as far as its times tell. */
async function readFile(path: Buffer, key: Buffer): Promise<Found> {
  for (let tries = 0; tries < mostTries; tries++) {
    // Between lstat and open the name may have become a link, or a pipe that would block.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) return { type: 'skipped', item: { key, reason: 'special file' } };
    const value = await file.readFile();
    const after = await file.stat({ bigint: true });
    if (describe(before) !== describe(after) || BigInt(value.length) !== after.size) continue;

    const attributes = (after.mode & 0o111n) === 0n ? undefined : { executable: true };
    return { type: 'file', node: { key, value, attributes, ephemeral: undefined }, state: describe(after) };
  }
  return {
    type: 'unreadable',
    item: { key, reason: `it changed ${mostTries} times while it was read`, subtree: false },
  };
}

async function countMoved(top: Buffer, seen: ReadonlyMap<string, string>): Promise<number> {
  let moved = 0;
  const all = [...seen];
  for (let at = 0; at < all.length; at += inFlight) {
    const chunk = all.slice(at, at + inFlight);
    const states = await Promise.all(chunk.map(([name]) => stateOf(join(top, Buffer.from(name, 'latin1')))));
    moved += chunk.filter(([, state], index) => states[index] !== state).length;
  }
  return moved;
}

async function stateOf(path: Buffer): Promise<string> {
  try {
    return describe(await lstat(path, { bigint: true }));
  } catch {
    return 'gone';
  }
}

/** What changes whenever a file, or the list of names in a directory, does. */
function describe({ ino, mode, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${mode} ${size} ${mtimeNs} ${ctimeNs}`;
}

function join(directory: Buffer, name: Buffer): Buffer {
  if (directory.length === 0) return name;
  return name.length === 0 ? directory : Buffer.concat([directory, Buffer.from('/'), name]);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
