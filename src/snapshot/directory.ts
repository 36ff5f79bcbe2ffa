import { TreekeeperError } from '../errors.ts';
import { decodeSegment, encodeSegment, foldCase, hasCapitals, pieceSuffix } from './names.ts';
import {
  directoryMode,
  emptyBlob,
  fileMode,
  type ObjectSink,
  type Oid,
  type TreeEntry,
  type TreeSource,
} from './objects.ts';
import { encodeTree } from './tree.ts';

/** A value as it lies in a snapshot. */
export interface Value {
  readonly oid: Oid;
  readonly encrypted: boolean;
}

/** What lies at one place. `value` is `null` for a node without data, `undefined` where there may be no node at all. */
export interface Own {
  readonly value: Value | null | undefined;
  readonly attributes: Oid | undefined;
}

/** A child in a directory: a leaf with its value, or a directory, which holds its own value inside. */
export type Child =
  | { readonly tree: Oid }
  | { readonly tree: undefined; readonly value: Value; readonly attributes: Oid | undefined };

/** The names of all files that a node may have beside the one of this name: in its parent's directory, or, own ones, in its own. */
export function namesBeside(name: string): readonly string[] {
  if (ownNames.has(name)) return [...ownNames];
  const stem = withoutEnd(withoutEnd(name, attributesSuffix), encryptedSuffix);
  return [name, stem, stem + encryptedSuffix, stem + attributesSuffix];
}

function withoutEnd(name: string, end: string): string {
  return name.endsWith(end) ? name.slice(0, -end.length) : name;
}

/** One directory of a store: the node that it stands for, and the children by segment. */
export interface Directory {
  readonly own: Own;
  readonly children: ReadonlyMap<string, Child>;
}

export const valueName = '%value';
export const nullName = '%null';
export const attributesSuffix = '%attrs.json';
export const encryptedSuffix = '.gpg';

/** Writes a directory as a tree. */
export function writeDirectory(directory: Directory, sink: ObjectSink): Oid {
  return sink.tree(encodeTree(encodeDirectory(directory, sink)));
}

/** The tree entries of a directory. Directories for the pieces of long segments go to the sink on the way. */
export function encodeDirectory({ own, children }: Directory, sink: ObjectSink): TreeEntry[] {
  const namesOf = nameSiblings(children.keys());
  const files: TreeEntry[] = [];
  const cut: Cut[] = [];
  for (const [segment, child] of children) {
    const names = namesOf(segment);
    if (names.length === 1) addChild(files, names[0] ?? '', child);
    else cut.push({ names, child });
  }

  addPieces(files, cut, 0, sink);
  addOwn(files, own, children.size === 0, sink);
  return files;
}

/**
 * The directory that tree entries stand for. Strict: throws `TreekeeperError('integrity')` on names, modes and
 * combinations that `encodeDirectory` does not make. `where` names the directory in messages.
 */
export async function decodeDirectory(
  entries: readonly TreeEntry[],
  source: TreeSource,
  where: string,
): Promise<Directory> {
  const { spelt, directory } = await decode(entries, source, where);
  const namesOf = nameSiblings(directory.children.keys());
  checkNames(spelt, where, (name, segment) => isSpelt(name, namesOf(segment)));
  return directory;
}

/**
 * The part of a directory that some of its entries stand for, each node with all that it has there. As strict about each of
 * them; what they would be beside the others, which are not there, is not looked at: a name may be written in either of the
 * ways between which siblings decide.
 */
export async function decodePart(entries: readonly TreeEntry[], source: TreeSource, where: string): Promise<Directory> {
  const { spelt, directory } = await decode(entries, source, where);
  const isEither = (name: string, segment: string) =>
    isSpelt(name, encodeSegment(segment, 'stand')) || isSpelt(name, encodeSegment(segment, 'escaped'));
  checkNames(spelt, where, isEither);
  return directory;
}

async function decode(entries: readonly TreeEntry[], source: TreeSource, where: string) {
  const found: Found = { own: new Map(), leaves: new Map(), attributes: new Map() };
  await collect(entries, [], source, found, where);

  const children = new Map<string, Child>();
  /** The segment that each name stands for. */
  const spelt = new Map<string, string>();
  for (const [name, { pieces, child }] of found.leaves) {
    const segment = decodeSegment(pieces);
    if (children.has(segment)) throw damaged(where, name, 'is there twice');
    spelt.set(name, segment);
    const attributes = found.attributes.get(name);
    if (attributes === undefined) {
      children.set(segment, child);
      continue;
    }
    if (child.tree !== undefined) throw damaged(where, name, 'has its attributes in the wrong place');
    found.attributes.delete(name);
    children.set(segment, { ...child, attributes });
  }
  for (const name of found.attributes.keys()) throw damaged(where, name, 'has attributes but no value');
  return { spelt, directory: { own: ownOf(found.own, children.size, where), children } };
}

function checkNames(
  spelt: ReadonlyMap<string, string>,
  where: string,
  isRight: (name: string, segment: string) => boolean,
): void {
  for (const [name, segment] of spelt) {
    if (!isRight(name, segment)) throw damaged(where, name, 'is not how its key is written');
  }
}

/** Whether a name, its pieces joined with `/`, is the one that these pieces make. */
function isSpelt(name: string, pieces: readonly string[]): boolean {
  return pieces.length === 1 ? pieces[0] === name : pieces.map(stripPiece).join('/') === name;
}

/** Rule 6: how each of these siblings is written, given all of them. */
export function nameSiblings(segments: Iterable<string>): (segment: string) => readonly string[] {
  const all = [...segments];
  if (!all.some(hasCapitals)) return (segment) => encodeSegment(segment, 'stand');

  const spellings = new Map<string, number>();
  for (const segment of all) {
    const folded = foldCase(segment);
    spellings.set(folded, (spellings.get(folded) ?? 0) + 1);
  }
  return (segment) => encodeSegment(segment, spellings.get(foldCase(segment)) === 1 ? 'stand' : 'escaped');
}

function addChild(files: TreeEntry[], name: string, child: Child): void {
  if (child.tree !== undefined) {
    files.push({ mode: directoryMode, name, oid: child.tree });
    return;
  }
  files.push({ mode: fileMode, name: child.value.encrypted ? name + encryptedSuffix : name, oid: child.value.oid });
  if (child.attributes !== undefined)
    files.push({ mode: fileMode, name: name + attributesSuffix, oid: child.attributes });
}

function addOwn(files: TreeEntry[], { value, attributes }: Own, isLeaf: boolean, sink: ObjectSink): void {
  if (value === null && isLeaf) files.push({ mode: fileMode, name: nullName, oid: sink.blob(new Uint8Array()) });
  if (value)
    files.push({ mode: fileMode, name: value.encrypted ? valueName + encryptedSuffix : valueName, oid: value.oid });
  if (attributes !== undefined) files.push({ mode: fileMode, name: attributesSuffix, oid: attributes });
}

interface Cut {
  readonly names: readonly string[];
  readonly child: Child;
}

/** Puts children with cut names below the directories of their pieces; those with the same first pieces share them. */
function addPieces(files: TreeEntry[], cut: readonly Cut[], depth: number, sink: ObjectSink): void {
  const groups = new Map<string, Cut[]>();
  for (const item of cut) {
    const name = item.names[depth] ?? '';
    if (depth === item.names.length - 1) {
      addChild(files, name, item.child);
      continue;
    }
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }

  for (const [name, group] of groups) {
    const inner: TreeEntry[] = [];
    addPieces(inner, group, depth + 1, sink);
    files.push({ mode: directoryMode, name, oid: sink.tree(encodeTree(inner)) });
  }
}

interface Found {
  /** The directory's own files by their whole names. */
  readonly own: Map<string, Oid>;
  /** By pieces joined with `/`, which is in no name. */
  readonly leaves: Map<string, { readonly pieces: readonly string[]; readonly child: Child }>;
  readonly attributes: Map<string, Oid>;
}

const ownNames = new Set([valueName, valueName + encryptedSuffix, nullName, attributesSuffix]);

async function collect(
  entries: readonly TreeEntry[],
  before: readonly string[],
  source: TreeSource,
  found: Found,
  where: string,
): Promise<void> {
  for (const { mode, name, oid } of entries) {
    const pieces = (last: string) => (before.length === 0 ? [last] : [...before, last]);
    if (mode === directoryMode && name.endsWith(pieceSuffix)) {
      const inner = await source.readTree(oid);
      if (inner.length === 0) throw damaged(where, name, 'is a directory that holds no node');
      await collect(inner, pieces(stripPiece(name)), source, found, where);
    } else if (mode === directoryMode) {
      add(found, pieces(name), { tree: oid }, where);
    } else if (mode !== fileMode) {
      throw damaged(where, name, `has the mode ${mode}`);
    } else if (ownNames.has(name) && before.length === 0) {
      found.own.set(name, oid);
    } else if (name.endsWith(attributesSuffix)) {
      found.attributes.set(pieces(name.slice(0, -attributesSuffix.length)).join('/'), oid);
    } else {
      const encrypted = name.endsWith(encryptedSuffix);
      const last = encrypted ? name.slice(0, -encryptedSuffix.length) : name;
      add(found, pieces(last), { tree: undefined, value: { oid, encrypted }, attributes: undefined }, where);
    }
  }
}

function add(found: Found, pieces: readonly string[], child: Child, where: string): void {
  const name = pieces.join('/');
  if (found.leaves.has(name)) throw damaged(where, name, 'is there twice');
  found.leaves.set(name, { pieces, child });
}

function ownOf(files: ReadonlyMap<string, Oid>, children: number, where: string): Own {
  const plain = files.get(valueName);
  const encrypted = files.get(valueName + encryptedSuffix);
  const isNull = files.has(nullName);
  if (Number(plain !== undefined) + Number(encrypted !== undefined) + Number(isNull) > 1) {
    throw damaged(where, valueName, 'is there twice');
  }
  if (isNull && children > 0) throw damaged(where, nullName, 'marks a leaf, and there are children');
  if (isNull && files.get(nullName) !== emptyBlob)
    throw damaged(where, nullName, 'marks a node without a value, and is not empty');

  const oid = plain ?? encrypted;
  const value = oid !== undefined ? { oid, encrypted: encrypted !== undefined } : isNull ? null : undefined;
  return { value, attributes: files.get(attributesSuffix) };
}

function stripPiece(name: string): string {
  return name.endsWith(pieceSuffix) ? name.slice(0, -pieceSuffix.length) : name;
}

function damaged(where: string, name: string, problem: string): TreekeeperError {
  return new TreekeeperError('integrity', `${where}/${name} ${problem}`, {
    hint: 'the repository was changed by something other than treekeeper, or is damaged; `treekeeper check` tells more',
  });
}
