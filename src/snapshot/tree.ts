import { TreekeeperError } from '../errors.ts';
import { directoryMode, fileMode, type TreeEntry } from './objects.ts';

/**
 * Serialises a Git tree, without the object header. The entries may come in any order; two of the same name are a
 * defect of the caller.
 */
export function encodeTree(entries: readonly TreeEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
  let size = 0;
  for (const { mode, name } of sorted) size += mode.length + name.length + 22;

  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { mode, name, oid } of sorted) {
    at += bytes.write(`${mode} ${name}\0`, at, 'latin1');
    at += bytes.write(oid, at, 'hex');
  }
  return bytes;
}

/**
 * The entries of a serialised tree, in Git's order. Modes and names are taken as they stand, since foreign trees may
 * hold anything; only the framing is checked. Throws `TreekeeperError('integrity')` where that is broken.
 */
export function decodeTree(content: Uint8Array): TreeEntry[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const entries: TreeEntry[] = [];
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const end = bytes.indexOf(0, space + 1);
    if (space < 0 || end < 0 || end + 21 > bytes.length) {
      throw cutOff();
    }
    const mode = bytes.toString('latin1', at, space);
    entries.push({
      mode: usualModes.get(mode) ?? mode,
      name: bytes.toString('latin1', space + 1, end),
      oid: bytes.toString('hex', end + 1, end + 21),
    });
    at = end + 21;
  }
  return entries;
}

/** Calls back for every entry of a serialised tree with nothing but where its id of 20 bytes begins and what it is. */
export function scanTree(
  content: Uint8Array,
  visit: (bytes: Buffer, start: number, isDirectory: boolean) => void,
): void {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    if (end < 0 || end + 21 > bytes.length) throw cutOff();
    // Of all modes only that of a directory, 40000, begins with a 4.
    visit(bytes, end + 1, bytes[at] === 0x34);
    at = end + 21;
  }
}

/**
 * The entries of a serialised tree that have one of these names. Others are passed over without being decoded, which
 * matters where one key is followed through thousands of trees.
 */
export function findEntries(content: Uint8Array, names: readonly Uint8Array[]): TreeEntry[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const found: TreeEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    // A mode has five digits, or six.
    const start = bytes[at + 5] === 0x20 ? at + 6 : bytes.indexOf(0x20, at) + 1;
    let end = start;
    while (bytes[end] !== 0 && end < bytes.length) end += 1;
    if (end + 21 > bytes.length || start <= at) throw cutOff();
    for (const name of names) {
      if (name.length !== end - start || bytes.compare(name, 0, name.length, start, end) !== 0) continue;
      const [mode, text] = [bytes.toString('latin1', at, start - 1), bytes.toString('latin1', start, end)];
      found.push({ mode, name: text, oid: bytes.toString('hex', end + 1, end + 21) });
    }
    at = end + 21;
  }
  return found;
}

/** Of a million lines almost all have one of these two, and keep no string of their own for it. */
const usualModes = new Map([fileMode, directoryMode].map((mode) => [mode, mode]));

function cutOff(): TreekeeperError {
  return new TreekeeperError('integrity', 'a tree object ends in the middle of an entry');
}

/** Git orders a directory as if its name ended in `/` (base_name_compare in git's tree.c), byte by byte. */
export function sortName(entry: TreeEntry): string {
  return entry.mode === directoryMode ? `${entry.name}/` : entry.name;
}
