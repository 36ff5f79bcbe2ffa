import { TreekeeperError } from '../errors.ts';
import type { Depth } from '../operations/open.ts';
import { parseWhen, type When } from '../operations/when.ts';
import { parseKey } from '../report/key.ts';

/**
 * `SNAPSHOT[:KEY]`, taken apart at the first colon that is neither inside `@{...}` nor in a time of day
 * (`yesterday 14:00:/app`).
 */
export interface SnapshotArgument {
  readonly revision: string;
  readonly key: Uint8Array | undefined;
}

const snapshotArgument =
  /^(?<revision>(?:@\{[^}]*\}|(?<=^|[ T])\d{1,2}:\d\d(?::\d\d)?(?:[+-]\d\d:\d\d)?|[^:])*)(?::(?<key>.*))?$/s;

export function parseSnapshotArgument(text: string): SnapshotArgument {
  const { revision = '', key } = snapshotArgument.exec(text)?.groups ?? {};
  return {
    revision: revision === '' ? 'latest' : revision,
    key: key === undefined || key === '' ? undefined : parseKey(key),
  };
}

/** How much of a remote's history a revision is looked for in. */
export function depthFor(revision: string): Depth {
  return revision === 'latest' || revision === '' ? 'newest' : 'all';
}

/** The time that an option names. Throws `TreekeeperError('usage')` where it is none. */
export function timeArgument(option: string, text: string | undefined): When | undefined {
  if (text === undefined) return undefined;
  const when = parseWhen(text);
  if (when) return when;
  throw new TreekeeperError('usage', `${option} ${text} is not a time`, {
    hint: "write it as 2026-11-01, 2026-11-01T14:00:00Z, 'yesterday 14:00' or '2 hours ago'",
  });
}
