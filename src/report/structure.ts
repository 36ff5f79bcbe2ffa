import { diffArrays } from 'diff';
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { type Line, lineOf } from './lines.ts';

/** A document as it is compared: scalars as they are written, so that no number loses a digit. */
type Tree = string | readonly Tree[] | ReadonlyMap<string, Tree>;

/** Larger documents are compared by line: parsing them would take longer than anybody waits. */
const longestDocument = 256 * 1024;

/**
 * Two JSON documents compared by path; two YAML documents only where many lines changed and few of these say anything, as
 * where keys were sorted or indented anew. `undefined` where the texts are neither, or differ in nothing but how they are
 * written.
 */
export function compareStructure(
  before: string,
  after: string,
  changed: { readonly added: number; readonly removed: number },
): { readonly heading: string; readonly lines: readonly Line[] } | undefined {
  if (before.length + after.length > longestDocument) return undefined;
  if (isJson(before) && isJson(after)) {
    const lines = comparePaths(before, after);
    return lines.length > 0 ? { heading: 'JSON, by path:', lines } : undefined;
  }
  if (changed.added < 4 || changed.removed < 4) return undefined;
  const lines = comparePaths(before, after);
  const isShorter = lines.length > 0 && lines.length * 2 <= changed.added + changed.removed;
  return isShorter ? { heading: 'YAML, by path, without comments and layout (--by-line):', lines } : undefined;
}

/** The leaves that differ, one a line: `-server.port: 80`, `+server.port: 8080`. None where one is no document. */
export function comparePaths(before: string, after: string): Line[] {
  const [old, now] = [treeIn(before), treeIn(after)];
  const lines: Line[] = [];
  if (old !== undefined && now !== undefined) compareTrees('', old, now, lines);
  return lines;
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The map or list that a text is, in YAML, which JSON is a part of. */
function treeIn(text: string): Tree | undefined {
  try {
    const { contents, errors }: Document.Parsed = parseDocument(text, { logLevel: 'silent' });
    return errors.length === 0 && (isMap(contents) || isSeq(contents)) ? treeOf(contents) : undefined;
  } catch {
    // Nested deeper than the parser can follow.
    return undefined;
  }
}

function treeOf(node: unknown): Tree {
  if (isMap(node)) return new Map(node.items.map(({ key, value }) => [nameOf(key), treeOf(value)]));
  if (isSeq(node)) return node.items.map(treeOf);
  if (isAlias(node)) return `*${node.source}`;
  if (!isScalar(node)) return 'null';
  return typeof node.value === 'string' ? JSON.stringify(node.value) : node.source || String(node.value);
}

function nameOf(key: unknown): string {
  if (isScalar(key) && typeof key.value === 'string') return key.value;
  return isScalar(key) ? (key.source ?? String(key.value)) : String(key as Node);
}

function compareTrees(path: string, before: Tree, after: Tree, lines: Line[]): void {
  if (before instanceof Map && after instanceof Map) {
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      compareItems(`${path}${path === '' ? '' : '.'}${stepOf(name)}`, before.get(name), after.get(name), lines);
    }
  } else if (isList(before) && isList(after)) {
    compareLists(path, before, after, lines);
  } else {
    compareItems(path, before, after, lines);
  }
}

function compareItems(path: string, before: Tree | undefined, after: Tree | undefined, lines: Line[]): void {
  const [old, now] = [before && textOf(before), after && textOf(after)];
  if (old === now) return;
  if (isInner(before) && isInner(after) && isList(before) === isList(after)) {
    compareTrees(path, before, after, lines);
    return;
  }
  if (old !== undefined) lines.push(lineOf('-', `${path}: ${old}`));
  if (now !== undefined) lines.push(lineOf('+', `${path}: ${now}`));
}

/** Items that are in both are paired first, so that one more at the front does not make all others differ. */
function compareLists(path: string, before: readonly Tree[], after: readonly Tree[], lines: Line[]): void {
  const runs = diffArrays(before.map(textOf), after.map(textOf));
  let [at, next] = [0, 0];
  for (const [index, { added, removed, count = 0 }] of runs.entries()) {
    const follower = runs[index + 1];
    if (removed) {
      const paired = follower?.added ? Math.min(count, follower.count ?? 0) : 0;
      for (let item = 0; item < count; item++) {
        const other = item < paired ? after[next + item] : undefined;
        compareItems(`${path}[${at + item}]`, before[at + item], other, lines);
      }
      at += count;
    } else if (added) {
      const paired = runs[index - 1]?.removed ? Math.min(count, runs[index - 1]?.count ?? 0) : 0;
      for (let item = paired; item < count; item++)
        compareItems(`${path}[${next + item}]`, undefined, after[next + item], lines);
      next += count;
    } else {
      [at, next] = [at + count, next + count];
    }
  }
}

function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree);
}

function isInner(tree: Tree | undefined): tree is readonly Tree[] | ReadonlyMap<string, Tree> {
  return tree !== undefined && typeof tree !== 'string';
}

/** On one line, as JSON. */
function textOf(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  if (isList(tree)) return `[${tree.map(textOf).join(', ')}]`;
  return `{${[...tree].map(([name, value]) => `${stepOf(name)}: ${textOf(value)}`).join(', ')}}`;
}

function stepOf(name: string): string {
  return /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
}
