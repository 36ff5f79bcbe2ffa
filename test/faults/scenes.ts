import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { treekeeper } from '../commands/run.ts';
import { bareRemote } from '../servers/git-hosts.ts';
import type { People, Rule } from './model/rules.ts';
import { git, gitText, headOf } from './model/snapshot.ts';

/** A run of the command line that is disturbed, with what there is before it. All of it lies in one directory. */
export interface Scene {
  readonly name: string;
  readonly args: readonly string[];
  /** The gits that it starts and that change anything. */
  readonly gits: readonly string[];
  /** Makes what is there before the first run, with a tree of so many files and a few. */
  prepare(path: string, files: number): Promise<void>;
  /** Makes something for the next run to do. Answers what it has to know of before. */
  renew(path: string, round: number): Promise<string>;
  /** How far a run came: `old`, `new`, or what is neither of them. */
  outcome(path: string, before: string): string;
}

const bare = (path: string) => join(path, 'snapshots.git');
const hub = (path: string) => join(path, 'remote.git');
const writing = ['index-pack', 'update-ref'];

const backup: Scene = {
  name: 'backup',
  args: ['backup', 'dir:live', '--store', 'app'],
  gits: writing,
  async prepare(path, files) {
    writeTree(path, files);
    await succeed(path, backup.args);
  },
  async renew(path, round) {
    writeFileSync(join(path, 'live/b'), `new ${round}`);
    return headOf(bare(path));
  },
  outcome(path, before) {
    const repository = bare(path);
    const head = existsSync(join(repository, 'HEAD')) ? headOf(repository) : '';
    // The first commit of a repository explains it, and holds no snapshot.
    if (head === before || gitText(repository, 'ls-tree', head, 'app') === '') return 'old';
    return isRecorded(path, 'app/b', 'live/b') && isRecorded(path, 'app/d/0', 'live/d/0') ? 'new' : 'half a snapshot';
  },
};

/** What is disturbed; the encrypted ones need keys. */
export function scenes(people: People | undefined): readonly Scene[] {
  return [
    {
      ...backup,
      name: 'backup into no repository',
      gits: ['init', ...writing],
      // With so much to write that a thread compresses it, and that it becomes several packs.
      async prepare(path, files) {
        writeTree(path, files);
        for (let number = 0; number < 4; number++) writeFileSync(join(path, `live/large${number}`), largeText(number));
      },
      async renew(path) {
        rmSync(bare(path), { recursive: true, force: true });
        return '';
      },
    },
    backup,
    {
      ...backup,
      name: 'backup beside packed refs',
      async prepare(path, files) {
        await backup.prepare(path, files);
        gitText(bare(path), 'gc', '--quiet');
      },
    },
    {
      ...backup,
      name: 'backup with a push',
      args: [...backup.args, '--push'],
      gits: [...writing, 'push'],
      async prepare(path, files) {
        writeTree(path, files);
        await succeed(path, ['init']);
        await succeed(path, ['remote', 'add', 'origin', bareRemote(hub(path))]);
        await succeed(path, [...backup.args, '--push']);
      },
      outcome(path, before) {
        const here = backup.outcome(path, before);
        const there = headOf(hub(path));
        if (there === headOf(bare(path))) return here;
        return there === before ? 'old' : `the remote is at ${there}`;
      },
    },
    {
      ...backup,
      name: 'archive',
      args: ['archive'],
      renew: async (path) => headOf(bare(path)),
      outcome(path, before) {
        const repository = bare(path);
        const head = headOf(repository);
        if (head === before) return 'old';
        const kept = gitText(repository, 'for-each-ref', '--format=%(objectname)', 'refs/archive').split('\n');
        if (!kept.includes(before)) return 'the history is lost';
        const [now, then] = [head, before].map((commit) => gitText(repository, 'rev-parse', `${commit}^{tree}`));
        return now === then ? 'new' : 'other content';
      },
    },
    {
      ...backup,
      name: 'maintenance',
      args: ['maintenance'],
      gits: ['reflog', 'repack', 'prune', 'pack-refs', 'commit-graph'],
      async renew(path, round) {
        await backup.renew(path, round);
        await succeed(path, backup.args);
        return headOf(bare(path));
      },
      outcome(path, before) {
        if (headOf(bare(path)) !== before) return 'the branch moved';
        const packs = join(bare(path), 'objects/pack');
        const all = gitText(bare(path), 'rev-list', '--objects', '--all').split('\n').length;
        // A pack that git could not remove may stay beside the one that has everything.
        const sizes = readdirSync(packs)
          .filter((name) => name.endsWith('.idx'))
          .map(
            (name) =>
              git(bare(path), ['show-index'], readFileSync(join(packs, name)))
                .toString()
                .split('\n').length,
          );
        return sizes.some((size) => size > all) ? 'new' : 'old';
      },
    },
    {
      ...backup,
      name: 'tag',
      args: ['tag', 'good'],
      gits: ['update-ref'],
      async renew(path) {
        gitText(bare(path), 'update-ref', '-d', 'refs/tags/good');
        return headOf(bare(path));
      },
      outcome(path, before) {
        const tagged = gitText(bare(path), 'for-each-ref', '--format=%(objectname)', 'refs/tags');
        return tagged === '' ? 'old' : tagged === before ? 'new' : `the tag is at ${tagged}`;
      },
    },
    {
      ...backup,
      name: 'restore',
      args: ['restore', 'latest', 'dir:target'],
      gits: [],
      async renew(path) {
        rmSync(join(path, 'target'), { recursive: true, force: true });
        mkdirSync(join(path, 'target'));
        return '';
      },
      outcome(path) {
        const all = filesBelow(join(path, 'live'));
        const there = filesBelow(join(path, 'target')).filter((name) => !name.includes('.treekeeper-tmp-'));
        const wrong = there.filter((name) => !isSame(join(path, 'target', name), join(path, 'live', name)));
        if (wrong.length > 0) return `${wrong} is another`;
        return there.length === all.length ? 'new' : 'old';
      },
    },
    ...(people ? encrypted(people) : []),
  ];
}

function encrypted(people: People): readonly Scene[] {
  const secret = 'app/secret/password.gpg';
  const configure = (path: string, rule: Rule) => people.configure(path, 'dir:live', rule, hub(path));
  async function prepare(path: string, files: number): Promise<void> {
    people.export(path);
    configure(path, 'alice');
    writeTree(path, files);
    await succeed(path, ['backup', 'app']);
  }
  return [
    {
      ...backup,
      name: 'backup with encryption',
      args: ['backup', 'app'],
      prepare,
      async renew(path, round) {
        writeFileSync(join(path, 'live/secret/password'), `secret ${round}`);
        return backup.renew(path, round);
      },
      outcome(path, before) {
        const found = backup.outcome(path, before);
        return found === 'new' && !hasChanged(path, before, secret) ? 'an old secret' : found;
      },
    },
    {
      ...backup,
      name: 'rekey',
      args: ['rekey', '--key-file', 'both.key'],
      prepare,
      async renew(path) {
        const before = readFileSync(join(path, 'treekeeper.yaml'), 'utf8');
        configure(path, 'alice');
        if (readFileSync(join(path, 'treekeeper.yaml'), 'utf8') === before) configure(path, 'bob');
        return headOf(bare(path));
      },
      outcome(path, before) {
        if (headOf(bare(path)) === before) return 'old';
        return hasChanged(path, before, secret) && isRecorded(path, 'app/b', 'live/b') ? 'new' : 'half of it';
      },
    },
  ];
}

function largeText(number: number): string {
  return Array.from({ length: 50_000 }, (_, line) => `${number * line}: ${line}\n`).join('');
}

function writeTree(path: string, files: number): void {
  for (const directory of ['live/d', 'live/secret']) mkdirSync(join(path, directory), { recursive: true });
  for (let index = 0; index <= files; index++)
    writeFileSync(join(path, 'live/d', `${index}`), `${index} `.repeat(index + 1));
  writeFileSync(join(path, 'live/b'), 'first');
  writeFileSync(join(path, 'live/secret/password'), 'secret');
}

async function succeed(path: string, args: readonly string[]): Promise<void> {
  const { status, stderr } = await treekeeper(path, args, surroundings(path));
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
}

/** Nothing is opened with what is not given, and what is left in the temporary directory can be seen. */
export const surroundings = (path: string) => ({ GNUPGHOME: path, TMPDIR: path });

function isRecorded(path: string, name: string, file: string): boolean {
  return gitText(bare(path), 'show', `main:${name}`) === readFileSync(join(path, file), 'utf8').trimEnd();
}

function hasChanged(path: string, before: string, name: string): boolean {
  return gitText(bare(path), 'rev-parse', `main:${name}`) !== gitText(bare(path), 'rev-parse', `${before}:${name}`);
}

function filesBelow(path: string): string[] {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
}

function isSame(one: string, other: string): boolean {
  return existsSync(other) && readFileSync(one).equals(readFileSync(other));
}
