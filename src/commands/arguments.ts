import type { Depth } from '../operations/open.ts';
import { parseKey } from '../report/key.ts';

/** `SNAPSHOT[:KEY]`, taken apart at the first colon that is not inside `@{...}`. */
export interface SnapshotArgument {
  readonly revision: string;
  readonly key: Uint8Array | undefined;
}

export function parseSnapshotArgument(text: string): SnapshotArgument {
  const { revision = '', key } = /^(?<revision>(?:@\{[^}]*\}|[^:])*)(?::(?<key>.*))?$/s.exec(text)?.groups ?? {};
  return {
    revision: revision === '' ? 'latest' : revision,
    key: key === undefined || key === '' ? undefined : parseKey(key),
  };
}

/** How much of a remote's history a revision is looked for in. */
export function depthFor(revision: string): Depth {
  return revision === 'latest' || revision === '' ? 'newest' : 'all';
}
