import type { ObjectReader } from '../git/reader.ts';
import { isRemoteUrl } from '../git/remote-url.ts';
import type { Repository } from '../git/repository.ts';
import { childrenOf, type Step } from '../snapshot/children.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import type { Surroundings } from './connect.ts';
import { readMoment } from './history.ts';
import { openForReading } from './open.ts';
import { listStores, locate } from './revision.ts';

/** A word that fits, and a few words about it. */
export interface Suggestion {
  readonly text: string;
  readonly about: string;
}

/** What a word on the command line can be that only the repository and the configuration tell. */
export type Topic = 'snapshot' | 'store' | 'service' | 'remote' | 'branch';

/** How many of the newest snapshots are offered by their ids. */
const mostIds = 10;

/** The words that a topic has. Nobody is asked but the disk: of a repository elsewhere nothing is told. */
export async function suggest(
  topic: Topic,
  repositoryPath: string,
  surroundings: Surroundings,
): Promise<readonly Suggestion[]> {
  if (topic === 'service') return services(surroundings);
  if (isRemoteUrl(repositoryPath)) return [];
  await using opened = await openForReading(repositoryPath);
  const { repository, reader } = opened;
  if (topic === 'branch') return named(await reader.refs(), 'refs/heads/', 'branch');
  if (topic === 'remote') {
    const { listRemotes } = await import('./remotes.ts');
    return (await listRemotes(repository, surroundings)).map(({ name }) => ({ text: name, about: 'remote' }));
  }
  const tip = await reader.resolve(repository.branch);
  const stores = tip === undefined ? [] : await listStores(reader, await readMoment(reader, tip));
  const found = stores.map((name) => ({ text: name, about: 'store' }));
  return topic === 'store' ? found : [...(await snapshots(reader, repository, tip)), ...found];
}

/** The keys one step below the directory that a key begins with. */
export async function suggestKeys(
  repositoryPath: string,
  revision: string,
  store: string | undefined,
  directory: Uint8Array,
): Promise<readonly Step[]> {
  if (isRemoteUrl(repositoryPath)) return [];
  await using opened = await openForReading(repositoryPath);
  const { snapshot } = await locate(opened.reader, opened.repository, revision, store);
  return await childrenOf(snapshot, directory);
}

function services({ config }: Surroundings): Suggestion[] {
  const stores = Object.entries(config?.stores ?? {});
  return [
    ...stores.map(([text, { service }]) => ({ text, about: service })),
    ...['zookeeper://', 'etcd://', 'consul://', 'dir:'].map((text) => ({ text, about: 'a service by its address' })),
  ];
}

async function snapshots(reader: ObjectReader, repository: Repository, tip: string | undefined): Promise<Suggestion[]> {
  const refs = await reader.refs();
  const names = [...named(refs, 'refs/tags/', 'tag'), ...named(refs, 'refs/heads/', 'branch')];
  const recent: Suggestion[] = [];
  for (let oid = tip; oid !== undefined && recent.length < mostIds; ) {
    const { commit }: Awaited<ReturnType<typeof readMoment>> = await readMoment(reader, oid);
    const subject = commit.message.split('\n', 1)[0] ?? '';
    recent.push({ text: shortOid(oid), about: `${formatTime(commit.committer.time)} ${subject}` });
    oid = commit.parents[0];
  }
  const latest = { text: 'latest', about: `the last one on ${repository.branch.slice('refs/heads/'.length)}` };
  return [latest, ...names, ...recent];
}

function named(refs: ReadonlyMap<string, unknown>, prefix: string, about: string): Suggestion[] {
  return [...refs.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => ({ text: name.slice(prefix.length), about }));
}
