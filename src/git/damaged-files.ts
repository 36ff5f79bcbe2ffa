import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { inflateSync } from 'node:zlib';
import { reasonOf } from '../errors.ts';
import type { ObjectReader } from './reader.ts';
import { isRefName, type Repository } from './repository.ts';

/*
 * What the files of a repository tell of themselves, without any git: packs, their indexes and commit graphs end in a hash of
 * all that is before, a loose object is named by the hash of what is in it, and a ref can only be written in one way. git's
 * own fsck overlooks some of it: reverse indexes, refs whose digits became capitals.
 */

/** Tells of every file that is damaged, one line each. Without `packs` these are not read, which may be all there is to read. */
export async function damagedFiles(
  { commonDir, gitDir }: Repository,
  reader: ObjectReader,
  { packs, signal }: { packs: boolean; signal?: AbortSignal | undefined },
): Promise<string[]> {
  const problems: string[] = [];
  const objects = join(commonDir, 'objects');
  for await (const path of filesBelow(objects)) {
    signal?.throwIfAborted();
    const name = relative(objects, path);
    const problem = await check(path, name);
    if (problem !== undefined) problems.push(`objects/${name} is damaged: ${problem}`);
  }
  const refs = [join(gitDir, 'HEAD'), join(commonDir, 'packed-refs')];
  for await (const path of filesBelow(join(commonDir, 'refs'))) if (!path.endsWith('.lock')) refs.push(path);
  for (const path of refs) {
    const text = await readFile(path, 'latin1').catch(() => undefined);
    const ids = text === undefined ? [] : basename(path) === 'packed-refs' ? idsInPacked(text) : idsIn(text);
    if (!ids) problems.push(`${nameOf(path)} is damaged: it is not written as git does`);
    for (const id of ids ?? []) {
      await reader.read(id).catch(() => problems.push(`${nameOf(path)} names ${id}, which is not there or damaged`));
    }
  }
  return problems;

  function nameOf(path: string): string {
    return relative(path.startsWith(commonDir) ? commonDir : gitDir, path);
  }

  async function check(path: string, name: string): Promise<string | undefined> {
    try {
      if (/^[0-9a-f]{2}\/[0-9a-f]{38}$/.test(name)) return checkLoose(await readFile(path), name.replace('/', ''));
      if (name.endsWith('.pack') && !packs) return undefined;
      const isSummed = /\.(pack|idx|rev|graph)$|(^|\/)(multi-pack-index|commit-graph)$/.test(name);
      return isSummed ? await checkSum(path) : undefined;
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }
}

function checkLoose(content: Buffer, oid: string): string | undefined {
  const id = createHash('sha1').update(inflateSync(content)).digest('hex');
  return id === oid ? undefined : 'its content is not what its id says';
}

const sumSize = 20;

async function checkSum(path: string): Promise<string | undefined> {
  const { size } = await stat(path);
  if (size <= sumSize) return 'it is cut off';
  const hash = createHash('sha1');
  let last = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([last, chunk]);
    hash.update(bytes.subarray(0, -sumSize));
    last = bytes.subarray(-sumSize);
  }
  return hash.digest().equals(last) ? undefined : 'it does not have the checksum that it ends in';
}

/** The ids in a ref, one or none; `undefined` where it is damaged. */
function idsIn(text: string): string[] | undefined {
  const [, name] = /^ref: (refs\/.+)\n$/.exec(text) ?? [];
  if (name !== undefined) return isRefName(name) ? [] : undefined;
  return /^[0-9a-f]{40}\n$/.test(text) ? [text.trimEnd()] : undefined;
}

const packedTraits = new Set(['peeled', 'fully-peeled', 'sorted']);

function idsInPacked(text: string): string[] | undefined {
  const lines = text.split('\n');
  if (lines.pop() !== '') return undefined;
  const [, traits] = /^# pack-refs with: (.*) $/.exec(lines[0] ?? '') ?? [];
  if (traits?.split(' ').every((trait) => packedTraits.has(trait))) lines.shift();
  const ids: string[] = [];
  for (const line of lines) {
    const [, peeled, id, name] = /^(?:\^([0-9a-f]{40})|([0-9a-f]{40}) (refs\/.+))$/.exec(line) ?? [];
    const found = peeled ?? id;
    if (found === undefined || (name !== undefined && !isRefName(name))) return undefined;
    ids.push(found);
  }
  return ids;
}

async function* filesBelow(directory: string): AsyncGenerator<string> {
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}
