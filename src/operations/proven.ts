import type { ProvenRecipients, Recipients } from '../ciphers/recipients.ts';
import type { Repository } from '../git/repository.ts';
import { readCache, writeCache } from './cache-file.ts';

/** Of recipients, what can be known without their keys. */
export type ProvenSet = Pick<Recipients, 'setId' | 'keyIds'>;

const kind = 'treekeeper recipients 1';

/*
 * What is known of keys that were looked at before: to do so takes as long as a small backup. It holds for exactly the same
 * keys and rules (`basis`), until the time alone makes one of them unusable, or almost.
 */
export async function readProven(
  repository: Repository,
  store: string,
  basis: string,
  now = new Date(),
): Promise<readonly ProvenSet[] | undefined> {
  const content = await readCache(repository, nameOf(store), kind);
  if (!content) return undefined;
  const known: { basis: string; from: number; until: number | null; sets: readonly ProvenSet[] } = JSON.parse(
    content.toString(),
  );
  const holds =
    known.basis === basis && known.from <= now.getTime() && now.getTime() < (known.until ?? Number.POSITIVE_INFINITY);
  return holds ? known.sets : undefined;
}

/** Notes that these recipients are good now. */
export async function writeProven(
  repository: Repository,
  store: string,
  basis: string,
  found: readonly ProvenRecipients[],
  now = new Date(),
): Promise<void> {
  const ends = found.flatMap(({ goodUntil }) => (goodUntil ? [goodUntil.getTime()] : []));
  const known = {
    basis,
    from: now.getTime(),
    until: ends.length === 0 ? null : Math.min(...ends),
    sets: found.map(({ setId, keyIds }) => ({ setId, keyIds })),
  };
  await writeCache(repository, nameOf(store), kind, [Buffer.from(JSON.stringify(known))]);
}

function nameOf(store: string): string {
  return `recipients-${store}`;
}
