import { TreekeeperError } from '../errors.ts';
import { openBurryArchive } from './import-archive.ts';
import { type Imported, type ImportOptions, type Refused, sortArchives, unchanged } from './import-burry.ts';
import { everything, readService } from './read.ts';

/** What an import would find in archives, read in full; no repository takes part. */
export async function* readArchives(
  paths: readonly string[],
  options: ImportOptions,
): AsyncGenerator<Imported | Refused> {
  const { read, refused } = await sortArchives(paths, options);
  yield* refused;
  for (const { path, store } of read) {
    try {
      await using archive = await openBurryArchive(path, options.kind);
      const { id, time, findings, service } = archive;
      const visitor = { node: () => {}, unreadable: () => {}, pause: options.onProgress };
      const { nodes, unreadable } = await readService(service, everything, visitor, { signal: options.signal });
      const told = { path, id, time, findings, store, nodes, unreadable };
      yield { ...told, status: 'planned', commit: undefined, counts: unchanged, warnings: [] };
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError)) throw thrown;
      yield { path, error: thrown };
    }
  }
}
