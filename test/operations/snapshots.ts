import { openForReading } from '../../src/operations/open.ts';
import { locate } from '../../src/operations/revision.ts';
import { walkSnapshot } from '../../src/snapshot/walk.ts';

export const policy = { include: [], exclude: [], ephemeral: 'skip' } as const;

export const node = (key: string, value: string | Uint8Array | null) => ({
  key: Buffer.from(key, 'latin1'),
  value: typeof value === 'string' ? Buffer.from(value, 'latin1') : value,
  attributes: undefined,
  ephemeral: undefined,
});

export async function keysIn(repositoryPath: string, revision = 'latest'): Promise<string[]> {
  await using opened = await openForReading(repositoryPath);
  const { snapshot } = await locate(opened.reader, opened.repository, revision);
  const keys: string[] = [];
  await walkSnapshot(snapshot, ({ key }) => keys.push(Buffer.from(key).toString('latin1')));
  return keys;
}
