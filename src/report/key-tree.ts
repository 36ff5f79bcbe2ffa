import { latin1 } from '../snapshot/paths.ts';
import { formatKey } from './key.ts';

/** Keys as a tree, in byte order, each with what is said behind it. */
export interface KeyTree {
  add(key: Uint8Array, text: string): void;
  lines(): Generator<string>;
}

interface Branch {
  text: string | undefined;
  readonly children: Map<string, Branch>;
}

/** Keys are cut at slashes; the slash that a key begins with belongs to its first segment. */
export function openKeyTree(): KeyTree {
  const top: Branch = { text: undefined, children: new Map() };

  return {
    add(key, text) {
      let at = top;
      for (const segment of latin1(key).split(/(?<=.)\//s)) {
        const next: Branch = at.children.get(segment) ?? { text: undefined, children: new Map() };
        at.children.set(segment, next);
        at = next;
      }
      at.text = text;
    },

    *lines() {
      for (const [segment, branch] of sorted(top)) {
        yield label(segment, branch);
        yield* below(branch, '');
      }
    },
  };
}

function* below(branch: Branch, indent: string): Generator<string> {
  const children = sorted(branch);
  for (const [index, [segment, child]] of children.entries()) {
    const isLast = index === children.length - 1;
    yield `${indent}${isLast ? '└── ' : '├── '}${label(segment, child)}`;
    yield* below(child, `${indent}${isLast ? '    ' : '│   '}`);
  }
}

function sorted({ children }: Branch): [string, Branch][] {
  return [...children].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** An empty segment, as a key with two slashes in a row has, would otherwise be nothing to see. */
function label(segment: string, { text }: Branch): string {
  const name = segment === '' ? '""' : formatKey(Buffer.from(segment, 'latin1'));
  return text === undefined ? name : `${name}${text}`;
}
