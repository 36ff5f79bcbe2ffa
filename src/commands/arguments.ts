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
