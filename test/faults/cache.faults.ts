import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readCache } from '../../src/operations/cache-file.ts';
import { openDir } from '../../src/services/dir.ts';
import type { Service } from '../../src/services/service.ts';
import { makePerson, sealedStore } from '../operations/sealed-store.ts';
import { flip, spoil } from './spoiled.ts';
import { type Subject, subject } from './subject.ts';

type Store = Awaited<ReturnType<typeof sealedStore>>;

/*
 * All that a run keeps in `treekeeper/` of a Git directory. Beside it are the lock, with what it is taken with, which has a
 * subject of its own (locks), and what is there for a moment only: a cache that is being written, and what git talks to a remote
 * from, which dead runs leave (kills). What is known of remotes is refs (remote-memory).
 */
const caches = ['seen', 'tags', 'recipients', 'run', 'allowed'] as const;
const numbers = [0, 1, 2, 3, 4];
const plain = numbers.map((number) => `app/${number}`);
const sealed = numbers.map((number) => `secret/${number}`);

subject('a cache that is cut off or changed anywhere is none', async (subject) => {
  const { store } = await makeStore();
  await using _store = store;
  for (const name of caches) {
    const whole = readFileSync(store.cache(name));
    const kind = whole.toString('latin1', 0, whole.indexOf('\n'));
    const isTaken = async (content: Buffer) => {
      writeFileSync(store.cache(name), content);
      return (await readCache(store.repository, `${name}-s`, kind)) !== undefined;
    };
    subject.must(await isTaken(whole), `${name}: is not taken as it is`);
    for (let length = 0; length < whole.length; length++) {
      subject.must(!(await isTaken(whole.subarray(0, length))), `${name}: taken, cut off at ${length}`);
      subject.count('cuts');
    }
    for (let bit = 0; bit < whole.length * 8; bit++) {
      subject.must(!(await isTaken(flip(whole, bit))), `${name}: taken, with bit ${bit} flipped`);
      subject.count('flips');
    }
    writeFileSync(store.cache(name), whole);
  }
});

subject('a backup whose caches are lost, damaged, old or of another version', async (subject) => {
  const { random, count, must } = subject;
  const { store, rule, person } = await makeStore();
  await using _store = store;
  const { git, take, write } = store;
  const head = () => git('rev-parse', 'main');
  const now = new Map([...plain, ...sealed].map((name) => [name, `first ${name}`]));
  /** What the caches were before the last snapshot: as if a host had been put back. */
  let old = new Map<string, Buffer>();
  /** What became of the tags, as long as no run has written them again: one that encrypts nothing has no need to. */
  let lostTags: Buffer | undefined;

  for (let time = 0; time < subject.scale(100, 3_000); time++) {
    const before = head();
    const names = caches.filter(() => random.below(2) === 0);
    const changes = new Map<string, string>();
    if (random.below(2) === 0)
      for (const name of [...plain, ...sealed]) if (random.below(4) === 0) changes.set(name, `${time} ${name}`);
    for (const [name, content] of changes) now.set(name, content);
    write(Object.fromEntries(changes));
    const kept = new Map(caches.map((name) => [name as string, contentOf(store, name)]));
    const disturb = () => {
      const done = names.map((name) => disturbCache(subject, store, name, old.get(name))).join(', ');
      if (names.includes('tags')) lostTags = contentOf(store, 'tags');
      return done;
    };
    const inTheMiddle = random.below(3) === 0;
    const what = inTheMiddle ? `in the middle of a run` : disturb();
    const service = inTheMiddle
      ? withDisturbance(openDir({ path: store.live }), disturb)
      : openDir({ path: store.live });
    const hasKey = random.below(2) === 0;
    const where = `run ${time}, ${what} of ${names}, ${[...changes.keys()]} changed, ${hasKey ? 'with' : 'without'} a key`;

    await take([rule], { service, ...(hasKey && { decryptor: person.decryptor }) });
    count('runs');
    const added = git('rev-list', '--reverse', `${before}..main`).split('\n').filter(Boolean);
    const reencrypting = added.filter((commit) => store.trailer('Reencrypted', commit) !== '');
    const mayBeLost = lostTags !== undefined && !hasKey;
    must(added.length - reencrypting.length <= 1 && reencrypting.length <= 1, `${where}: ${added.length} commits`);
    must(reencrypting.length === 0 || mayBeLost, `${where}: encrypted anew without need`);
    must(changes.size > 0 || added.length === reencrypting.length, `${where}: a commit, and nothing changed`);

    const differing = git('diff', '--name-only', before, 'main').split('\n').filter(Boolean);
    const files = differing.map((file) => file.replace(/^s\//, '').replace(/\.gpg$/, ''));
    const wanted = (name: string) => changes.has(name) || (reencrypting.length > 0 && sealed.includes(name));
    must(files.every(wanted), `${where}: written without need: ${files}`);
    must(
      [...changes.keys()].every((name) => files.includes(name)),
      `${where}: not written: ${files}`,
    );
    const blobs = git(
      'rev-list',
      '--objects',
      '--filter=object:type=blob',
      '--filter-provided-objects',
      `${before}..main`,
    );
    const written = blobs.split('\n').filter(Boolean).length;
    must(written === files.length, `${where}: ${written} blobs for ${files.length} files`);
    count(reencrypting.length > 0 ? 'encrypted anew' : added.length > 0 ? 'changed' : 'the same head');

    for (const name of plain) must(store.blob(name).toString() === now.get(name), `${where}: a wrong value of ${name}`);
    for (const name of sealed)
      must((await store.show(person, name)) === now.get(name), `${where}: a wrong value of ${name}`);
    // What is lost in the middle of a run that had no more need of it is missed by the next one, and by no other.
    let settled = head();
    await take([rule]);
    const isHealing = inTheMiddle && lostTags !== undefined && store.trailer('Reencrypted') !== '';
    must(head() === settled || isHealing, `${where}: the next run made a commit`);
    settled = head();
    await take([rule]);
    must(head() === settled, `${where}: the run after the next made a commit`);
    old = kept;
    if (!lostTags?.equals(contentOf(store, 'tags'))) lostTags = undefined;
  }
});

/** A store whose caches are all there, and hold something. */
async function makeStore() {
  const person = await makePerson('alice');
  const store = await sealedStore(person);
  const rule = store.rule('secret/**', person);
  store.write(Object.fromEntries([...plain, ...sealed].map((name) => [name, `first ${name}`])));
  await store.take([rule]);
  // The second run finds the public keys in the repository, and nothing new, so that it can note them and what is allowed.
  await store.take([rule], { overridden: new Set(['other-source']) });
  return { store, rule, person };
}

/** Does one thing to a cache, and tells what. */
function disturbCache({ random }: Subject, store: Store, name: string, old: Buffer | undefined): string {
  const path = store.cache(name);
  const others = caches.filter((candidate) => candidate !== name).map((other) => contentOf(store, other));
  const { what, content } = spoil(random, contentOf(store, name), old, others);
  if (content === undefined) rmSync(path, { force: true });
  else writeFileSync(path, content);
  return `${name} ${what}`;
}

/** Empty where there is none. */
function contentOf(store: Store, name: string): Buffer {
  return existsSync(store.cache(name)) ? readFileSync(store.cache(name)) : Buffer.alloc(0);
}

/** Something happens after the first nodes were read. */
function withDisturbance(service: Service, disturb: () => void): Service {
  return {
    ...service,
    async *read(options) {
      for await (const event of service.read(options)) {
        yield event;
        if (event.type === 'end') continue;
        disturb();
      }
    },
  };
}
