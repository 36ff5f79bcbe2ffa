import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TreekeeperError } from '../../src/errors.ts';
import { backup } from '../../src/operations/backup.ts';
import { openForBackup } from '../../src/operations/open.ts';
import { openDir } from '../../src/services/dir.ts';
import { withOrigin } from '../operations/faulty-services.ts';
import { policy } from '../operations/snapshots.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { spoil } from './spoiled.ts';
import { subject } from './subject.ts';

interface Origin {
  readonly cluster: string;
  readonly revision: number;
}

const clusters = ['a', 'b', 'c'];
const revisions = [1, 2, 3, 4];
const candidates = clusters.flatMap((cluster) => revisions.map((revision) => ({ cluster, revision })));
const stores = ['s', 'twin'];

subject('what a user allowed, lost, damaged, old, of another version or another store', async (subject) => {
  const { random, count, must } = subject;
  await using directory = await temporaryDirectory();
  const live = join(directory.path, 'live');
  mkdirSync(live);
  const { repository } = await openForBackup(join(directory.path, 'repo.git'), undefined, false);
  const fileOf = (store: string) => join(repository.gitDir, 'treekeeper', `allowed-${store}`);
  const contentOf = (store: string) => (existsSync(fileOf(store)) ? readFileSync(fileOf(store)) : Buffer.alloc(0));
  const take = async (store: string, { cluster, revision }: Origin, isForced: boolean, dryRun = false) => {
    const service = withOrigin(openDir({ path: live }), cluster, revision);
    const flags = isForced ? (['other-source', 'older-source'] as const) : [];
    return (await backup(repository, { store, service, policy }, { overridden: new Set(flags), dryRun })).status;
  };
  const accepts = (store: string, origin: Origin) =>
    take(store, origin, false, true).then(
      () => true,
      (thrown: unknown) => {
        if (thrown instanceof TreekeeperError && thrown.code === 'guard') return false;
        throw thrown;
      },
    );
  /** Of each store what its newest snapshot was made from, then what was allowed for that snapshot, ever. */
  const known = new Map<string, Origin[]>(stores.map((store) => [store, [{ cluster: 'a', revision: 1 }]]));
  const old = new Map<string, Buffer>();
  writeFileSync(join(live, 'f'), '0');
  for (const store of stores) await take(store, { cluster: 'a', revision: 1 }, false);

  for (let time = 0; time < subject.scale(40, 2_000); time++) {
    for (const store of stores) if (random.below(3) === 0) old.set(store, contentOf(store));
    // Few values, so that a store comes back to trees that it had.
    if (random.below(4) === 0) writeFileSync(join(live, 'f'), `${random.below(2)}`);
    const store = random.pick(stores);
    const origin = random.pick(candidates);
    const isCommitted = (await take(store, origin, true)) === 'created';
    known.set(store, isCommitted ? [origin] : [...(known.get(store) ?? []), origin]);
    count(isCommitted ? 'snapshots' : 'allowed');

    const { what, content } = spoil(random, contentOf(store), old.get(store), stores.map(contentOf));
    if (content === undefined) rmSync(fileOf(store), { force: true });
    else writeFileSync(fileOf(store), content);
    count(what);
    for (const candidate of candidates) {
      const [made, ...allowed] = known.get(store) ?? [];
      const fits = ({ cluster, revision }: Origin) => candidate.cluster === cluster && candidate.revision >= revision;
      const where = `${time}, ${store} ${what}: ${candidate.cluster} at ${candidate.revision}`;
      const isAccepted = await accepts(store, candidate);
      must(isAccepted || !made || !fits(made), `${where} is refused, and the snapshot is of it`);
      must(!isAccepted || [made, ...allowed].some((one) => one && fits(one)), `${where} is accepted`);
      count(isAccepted ? 'accepted' : 'refused');
    }
  }
});
