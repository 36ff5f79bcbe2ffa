import { type AheadSource, readingAhead, siblingsAhead } from '../snapshot/ahead.ts';
import { directoryMode, type Oid, type TreeEntry } from '../snapshot/objects.ts';
import { scanTree } from '../snapshot/tree.ts';
import { HeldObjects } from './held-objects.ts';
import { OidSet } from './oid-set.ts';
import { openPackWriter, type PackWriter } from './pack-writer.ts';
import type { ObjectReader } from './reader.ts';
import type { Repository } from './repository.ts';
import { readableSink } from './sink.ts';

/** A writer that has to be told what it was for before it can finish. */
export interface HoldingWriter extends PackWriter {
  /** Keeps of everything so far only what the trees need and the repository has not. Comes before `commit`. */
  settle(...trees: readonly Oid[]): Promise<void>;
}

/** What is held until it is known what of it is new, in bytes. Above that the whole previous tree is looked through. */
const mostHeld = 64 * 1024 * 1024;

/**
 * Opens a writer for a tree that is probably much like `previous`. Most snapshots change nothing or little, and to know
 * which objects of 100,000 the repository has costs as much as reading the service; so objects are held until the whole
 * tree is there, and then compared with `previous` from the top, where equal directories need no look. Content that moved
 * from one directory to another is written again: to find that out would cost more than it saves.
 */
export function openHoldingWriter(repository: Repository, reader: ObjectReader, previous: Oid): HoldingWriter {
  const held = new HeldObjects();
  let writer: PackWriter | undefined;
  const holder = readableSink(undefined, (type, content, oid) => held.add(type, content, oid));

  function write(known: OidSet, isNeeded: (id: Buffer) => boolean): PackWriter {
    const opened = openPackWriter(repository, known);
    held.giveAway((type, content, id) => {
      if (isNeeded(id)) opened[type === 'tree' ? 'tree' : 'blob'](content);
    });
    writer = opened;
    return opened;
  }

  function settled(): PackWriter {
    if (!writer) throw new Error('the writer was not told what it is for');
    return writer;
  }

  return {
    blob: (content, keep) => (writer ?? holder).blob(content, keep),
    tree: (content) => (writer ?? holder).tree(content),
    commit: (content) => settled().commit(content),
    over: (fallback) => holder.over(writer?.over(fallback) ?? fallback),
    finish: () => settled().finish(),
    abandon: async () => writer?.abandon(),

    async drain() {
      if (writer) return writer.drain();
      if (held.size <= mostHeld) return;
      const known = new OidSet();
      await collectOids(reader, previous, known);
      await write(known, () => true).drain();
    },

    async settle(...trees) {
      if (writer) return;
      const missing = new OidSet();
      for (const tree of trees) {
        const present = new OidSet();
        present.add(previous);
        await collectMissing(readingAhead(holder.over(reader)), tree, previous, { missing, present });
      }
      write(new OidSet(), (id) => missing.hasBytes(id, 0));
    },
  };
}

/** The ids of everything in a tree. */
async function collectOids(reader: ObjectReader, tree: Oid, known: OidSet): Promise<void> {
  known.add(tree);
  const inner: Promise<void>[] = [];
  const { content } = await reader.read(tree);
  scanTree(content, (bytes, start, isDirectory) => {
    if (!known.addBytes(bytes, start) || !isDirectory) return;
    inner.push(collectOids(reader, bytes.toString('hex', start, start + 20), known));
  });
  await Promise.all(inner);
}

/** Adds to `missing` what is in `tree` and not in the directory of the same place in the previous one. */
async function collectMissing(
  source: AheadSource,
  tree: Oid,
  previous: Oid | undefined,
  found: { readonly missing: OidSet; readonly present: OidSet },
): Promise<void> {
  if (found.present.has(tree)) return;
  found.missing.add(tree);
  const before = new Map<string, Oid>();
  for (const { name, mode, oid } of previous === undefined ? [] : await source.readTree(previous)) {
    found.present.add(oid);
    if (mode === directoryMode) before.set(name, oid);
  }
  const inner: TreeEntry[] = [];
  for (const entry of await source.readTree(tree)) {
    if (found.present.has(entry.oid)) continue;
    if (entry.mode === directoryMode) inner.push(entry);
    else found.missing.add(entry.oid);
  }
  for (const [index, { name, oid }] of inner.entries()) {
    // What was there in a directory before this one may have turned up meanwhile.
    const next = inner.slice(index, index + siblingsAhead).filter((one) => !found.present.has(one.oid));
    source.askFor(next.flatMap((one) => before.get(one.name) ?? []));
    await collectMissing(source, oid, before.get(name), found);
  }
}
