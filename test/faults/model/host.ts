import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Run, treekeeper } from '../../commands/run.ts';
import type { Random } from '../../random.ts';
import { killedRun } from '../killed-run.ts';
import type { Live } from './live.ts';
import { difference, isEqual, type Nodes, parentsOf } from './nodes.ts';
import { isSecret, keyFileFor, type People, type Rule, secretRules } from './rules.ts';
import { complaints, git, gitText, headOf, readSnapshot } from './snapshot.ts';

/** What a host stands on, and where what it finds goes. */
export interface Surroundings {
  readonly path: string;
  readonly live: Live;
  readonly remote: string;
  readonly people: People;
  readonly random: Random;
  must(holds: boolean, violation: string): void;
  count(what: string): void;
}

/** What a snapshot has to hold. */
interface State {
  readonly nodes: Nodes;
  /** By which its secrets are encrypted; not all of them, where they changed at the same time. */
  readonly rule: Rule | undefined;
  readonly encrypted: ReadonlySet<string>;
}

const nothing = stateOf(new Map(), 'nobody');

function stateOf(nodes: Nodes, rule: Rule): State {
  const secrets = [...nodes].flatMap(([key, value]) => (isSecret(key) && value !== null ? [key] : []));
  return { nodes: new Map(nodes), rule, encrypted: new Set(rule === 'nobody' ? [] : secrets) };
}

/** Between two states comes one where what did not change is encrypted in another way already. */
function between(before: State, after: State): State {
  const isSame = (key: string) => isEqual(before.nodes.get(key), after.nodes.get(key));
  const encrypted = [...before.nodes.keys()].filter((key) => (isSame(key) ? after : before).encrypted.has(key));
  return { nodes: before.nodes, rule: undefined, encrypted: new Set(encrypted) };
}
const store = 'app';

/** A host that backs up a live tree into the store `app`, and beside it the plain model of what has to be there. */
export function openHost({ path, live, remote, people, random, must, count }: Surroundings) {
  const repository = join(path, 'snapshots.git');
  const nodes = new Map<string, Buffer | null>();
  const states = new Map<string, State>();
  const durations = new Map<string, number>();
  let rule: Rule = random.pick(['nobody', 'alice']);
  let areCachesLost = false;
  let head = '';
  people.export(path);
  people.configure(path, live.url, rule, remote);

  function proveWhole(): void {
    const complaint = headOf(repository) === '' ? '' : complaints(repository);
    must(complaint === '', `fsck: ${complaint}`);
  }

  /** Runs the command line, or kills it at a moment of the time that it takes. */
  async function run(args: readonly string[], isKilled = false): Promise<Run> {
    const [verb = ''] = args;
    // A keyring of its own, which is empty: nothing is opened with what is not given.
    const env = { GNUPGHOME: path, TMPDIR: path };
    const start = Date.now();
    const end = isKilled
      ? await killedRun(path, args, env, random() * (durations.get(verb) ?? 500))
      : await treekeeper(path, args, env);
    if (!isKilled) durations.set(verb, Date.now() - start);
    count(end.status === null ? 'kills' : 'runs');
    if (end.status === null) proveWhole();
    must(!/defect/.test(end.stderr), `${verb} tells of a defect: ${end.stderr}`);
    return end;
  }

  /** Whether the commit holds exactly that, with `newer` for secrets that may be so already. Answers what it holds. */
  function hold(commit: string, { nodes: expected, encrypted }: State, newer: Nodes = nothing.nodes): Nodes {
    const found = readSnapshot(repository, commit, store, live.hasDirectories);
    const open = (key: string, value: Buffer | null) =>
      found.encrypted.has(key) && value ? people.open(value) : value;
    const nodes = new Map([...found.nodes].map(([key, value]) => [key, open(key, value)]));
    const isNewer = (key: string) => encrypted.has(key) && newer.has(key) && isEqual(nodes.get(key), newer.get(key));
    const should = new Map([...expected].map(([key, value]) => [key, (isNewer(key) ? newer.get(key) : value) ?? null]));
    const differs = difference(nodes, should);
    must(differs === '', `${commit} is not what was there: ${differs}`);
    const names = (keys: ReadonlySet<string>) => [...keys].sort().join();
    const areEncrypted = names(found.encrypted) === names(encrypted);
    must(areEncrypted, `${commit}: encrypted is ${names(found.encrypted)}, and should be ${names(encrypted)}`);
    for (const key of encrypted) {
      const value = nodes.get(key);
      const isShown = value && value.length > 8 && found.nodes.get(key)?.includes(value);
      must(!isShown, `${commit}: the ciphertext of ${key} holds its value`);
    }
    return should;
  }

  /** The branch went on from where it was, one commit after the other, and the last holds what it has to. */
  function follow(target: State): void {
    const now = headOf(repository);
    if (now === head) return;
    const before = states.get(head) ?? nothing;
    const range = head === '' ? now : `${head}..${now}`;
    const commits = gitText(repository, 'rev-list', '--reverse', '--parents', range).split('\n');
    for (const [index, line] of commits.entries()) {
      const [commit = '', ...parents] = line.split(' ');
      must(parents.join() === head, `${commit} does not follow from ${head}`);
      const isLast = index === commits.length - 1;
      // The first commit of a repository has no store yet; before a change, values may be encrypted anew.
      const isFirst = parents.length === 0;
      const state = isFirst ? nothing : isLast ? target : between(before, target);
      // Without a cache, nobody knows which values changed: then it says that those encrypted anew are of the later moment.
      const isFuzzy = /^Consistency: fuzzy/m.test(gitText(repository, 'log', '-1', '--format=%B', commit));
      states.set(commit, { ...state, nodes: hold(commit, state, isFuzzy ? target.nodes : nothing.nodes) });
      head = commit;
    }
  }

  return {
    repository,

    async write(key: string, value: Buffer): Promise<void> {
      await live.write(key, value);
      if (live.hasDirectories) for (const parent of parentsOf(key)) nodes.set(parent, null);
      nodes.set(key, value);
    },

    async remove(): Promise<void> {
      const key = random.pick([...nodes.keys()]);
      const gone = [...nodes.keys()].filter((name) => name === key || name.startsWith(`${key}/`));
      // An empty service is refused, which is another test's matter.
      if (nodes.size - gone.length < 3) return;
      await live.remove(key);
      for (const name of gone) nodes.delete(name);
    },

    async backup({ isKilled = false, push = false } = {}): Promise<Run> {
      const before = head;
      const old = states.get(head) ?? nothing;
      const isSame = head !== '' && difference(old.nodes, nodes) === '' && old.rule === rule && !areCachesLost;
      const end = await run(['backup', store, ...(push ? ['--push'] : [])], isKilled);
      if (!isKilled) must(end.status === 0, `backup: ${end.status} ${end.stderr}`);
      follow(stateOf(nodes, rule));
      if (isSame) must(head === before, `${head} was made though nothing changed: ${end.stdout} ${end.stderr}`);
      if (end.status === null) return end;
      const differs = difference((states.get(head) ?? nothing).nodes, nodes);
      must(differs === '', `a backup ended with ${end.status}, and ${head} is not what is there: ${differs}`);
      areCachesLost = false;
      return end;
    },

    /** Other recipients, which the next backup or `rekey` follows. A secret store never goes back to clear values. */
    changeRule(): void {
      rule = random.pick(secretRules);
      people.configure(path, live.url, rule, remote);
    },

    async rekey(isKilled: boolean): Promise<void> {
      const old = states.get(head);
      if (!old || old === nothing || rule === 'nobody') return;
      const end = await run(['rekey', '--store', store, '--key-file', keyFileFor(old.rule)], isKilled);
      if (!isKilled) must(end.status === 0, `rekey: ${end.status} ${end.stderr}`);
      const before = head;
      const target = stateOf(old.nodes, rule);
      follow(target);
      if (end.status === 0 && head === before) states.set(head, target);
    },

    async maintain(isKilled: boolean): Promise<void> {
      const end = await run(['maintenance', ...random.pick([[], ['--prune']])], isKilled);
      if (!isKilled) must(end.status === 0, `maintenance: ${end.status} ${end.stderr}`);
      must(headOf(repository) === head, 'maintenance moved the branch');
    },

    collectGarbage(): void {
      try {
        git(repository, ['gc', '--quiet', ...random.pick([[], ['--prune=now'], ['--aggressive']])]);
      } catch (thrown) {
        // What a killed git left stops every git until somebody removes it, and treekeeper alone goes past it.
        must(/\.lock': File exists/.test(String(thrown)), `gc: ${thrown}`);
      }
      proveWhole();
    },

    async archive(isKilled: boolean): Promise<void> {
      const state = states.get(head) ?? nothing;
      const end = await run(['archive'], isKilled);
      if (!isKilled) must(end.status === 0, `archive: ${end.status} ${end.stderr}`);
      const now = headOf(repository);
      if (now === head) return must(isKilled, 'archive ended well and did nothing');
      const kept = gitText(repository, 'for-each-ref', '--format=%(objectname)', 'refs/archive').split('\n');
      must(kept.includes(head), `${head} was left without a ref`);
      const history = gitText(repository, 'rev-list', '--parents', now).split('\n');
      must(
        history.slice(0, -1).every((line) => line.split(' ').length === 2),
        `the history of ${now} is not linear`,
      );
      hold(now, state);
      states.set(now, state);
      head = now;
    },

    /** The next run comes a day later. */
    letTimePass(): void {
      const yesterday = new Date(Date.now() - 24 * 3_600_000);
      for (const name of readdirSync(repository, { recursive: true, encoding: 'utf8' }))
        utimesSync(join(repository, name), yesterday, yesterday);
    },

    /** Caches are thrown away, cut off, or have a wrong bit. The lock of a dead run is no cache. */
    harmCaches(): void {
      const directory = join(repository, 'treekeeper');
      for (const name of readdirSync(directory).filter((file) => !/lock|new|dead|scratch/.test(file))) {
        const content = readFileSync(join(directory, name));
        const what = random.below(3);
        if (what === 0) rmSync(join(directory, name));
        if (what === 1) writeFileSync(join(directory, name), content.subarray(0, random.below(content.length)));
        const at = random.below(content.length);
        content[at] = (content[at] ?? 0) ^ (1 << random.below(8));
        if (what === 2) writeFileSync(join(directory, name), content);
      }
      areCachesLost = true;
    },

    /** Restores some snapshot into a place of which some nodes are there already, as they were or other ones. */
    async restore(target: Live, { isKilled = false, isFilled = false } = {}): Promise<void> {
      const [commit, state] = random.pick([...states].filter(([, { nodes: all }]) => all.size > 0));
      const kept = new Map<string, { readonly value: Buffer; readonly version: string }>();
      for (const [key, value] of isFilled ? state.nodes : nothing.nodes) {
        if (value === null || random() < 0.6) continue;
        const there = random() < 0.5 ? value : Buffer.from('of another');
        await target.write(key, there);
        kept.set(key, { value: there, version: await target.versionOf(key) });
      }
      const expected = new Map([...state.nodes].map(([key, value]) => [key, kept.get(key)?.value ?? value]));
      const differ = [...kept].filter(([key, { value }]) => !isEqual(value, state.nodes.get(key)));
      const args = ['restore', commit, target.url, '--store', store, '--key-file', keyFileFor(state.rule)];

      const first = await run(args, isKilled);
      if (first.status === null) {
        const found = await target.read();
        const wrong = [...found].filter(([key, value]) => !isEqual(value, expected.get(key))).map(([key]) => key);
        must(wrong.length === 0, `a killed restore of ${commit} left ${JSON.stringify(wrong)}`);
      }
      const end = first.status === null ? await run(args) : first;
      must(end.status === (differ.length > 0 ? 3 : 0), `restore ${commit}: ${end.status} ${end.stderr}`);
      const differs = difference(await target.read(), expected);
      must(differs === '', `the target is not what ${commit} was: ${differs}`);
      for (const [key, { version }] of kept)
        must((await target.versionOf(key)) === version, `a restore of ${commit} wrote to ${key}, which was there`);
    },

    /** Every snapshot that there ever was is still what it was. */
    holdAll(): void {
      for (const [commit, state] of states) hold(commit, state);
      proveWhole();
    },
  };
}

export type Host = ReturnType<typeof openHost>;
