import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openForReading } from '../../src/operations/open.ts';
import { treekeeper } from '../commands/run.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { makeSpecimen, type Specimen } from './specimen.ts';
import { type Subject, subject } from './subject.ts';
import {
  agree,
  answer,
  contentOf,
  differences,
  findings,
  isPart,
  type Nodes,
  nodesIn,
  restored,
  shown,
} from './testimony.ts';

/** Everything that the specimen says while it is whole. */
interface Truth {
  readonly tagged: Nodes;
  readonly newest: Nodes;
  readonly change: Nodes;
  /** What git reads in it. */
  readonly content: ReturnType<typeof contentOf>;
}

/** Files of the repository as they were before they were damaged; `undefined` for one that was not there. */
type Before = ReadonlyMap<string, Buffer>;

const compared = ['main~1', 'main'] as const;

for (const how of ['with git', 'without git'] as const) {
  subject(`damage to the files of a repository, ${how}`, async (subject) => {
    await using directory = await temporaryDirectory();
    const specimen = await makeSpecimen(directory.path);
    const truth = await learnTruth(specimen);
    if (how === 'without git') process.env['TREEKEEPER_NO_GIT'] = '1';
    try {
      for (let time = 0; time < subject.scale(300, 10_000); time++) {
        const { what, before } = damage(subject, specimen.repository);
        await judge(subject, specimen, truth, what);
        repair(before);
      }
    } finally {
      delete process.env['TREEKEEPER_NO_GIT'];
    }
    const after = await findings(specimen.repository, specimen.decryptor);
    if (after.length > 0) throw new Error(`the specimen was not repaired: ${after}`);
  });
}

subject('damage to the files of a repository, through the command line', async (subject) => {
  await using directory = await temporaryDirectory();
  const specimen = await makeSpecimen(directory.path);
  const { path, repository } = specimen;
  const truth = await learnTruth(specimen);
  const run = (...args: string[]) => treekeeper(path, args, { GNUPGHOME: path, TREEKEEPER_KEY_FILE: 'host.key' });
  for (let time = 0; time < subject.scale(20, 2_000); time++) {
    const { what, before } = damage(subject, repository);
    const target = join(path, `target-${time}`);
    const runs = await Promise.all([
      run('check', '--all', '--decrypt'),
      run('show', 'main:app/db/url', '--store', 'live'),
      run('restore', 'main', `dir:${target}`, '--store', 'live', '--yes'),
    ]);
    subject.count('runs', runs.length);
    for (const { stderr } of runs)
      subject.must(!/defect|^ +at /m.test(stderr), `${what}: reported as a defect: ${stderr}`);
    const [checked, shownRun, restoredRun] = runs;
    const isFound = checked.status !== 0;
    if (isFound) subject.count('found');
    else requireNoEffect(subject, specimen, truth, what);
    const value = shownRun.stdout;
    subject.must(shownRun.status !== 0 || value === 'postgres://db1\n', `${what}: show gave ${value}`);
    const nodes = existsSync(target) ? await nodesIn(target) : new Map();
    subject.must(isPart(nodes, truth.newest), `${what}: restore made a wrong node`);
    subject.must(
      restoredRun.status !== 0 || agree(nodes, truth.newest),
      `${what}: restore exits with 0 and is not whole`,
    );
    repair(before);
    rmSync(target, { recursive: true, force: true });
  }
});

/** Reads the whole specimen, which has to be sound. */
async function learnTruth({ repository, decryptor }: Specimen): Promise<Truth> {
  const found = await findings(repository, decryptor);
  if (found.length > 0) throw new Error(`the specimen is not sound: ${found}`);
  await using opened = await openForReading(repository);
  return {
    tagged: await shown(opened, 'v1', decryptor),
    newest: await shown(opened, 'main', decryptor),
    change: await differences(opened, compared, decryptor),
    content: contentOf(repository),
  };
}

/** Does something to a random file, of a random kind first, since there are many more files of some kinds than of others. */
function damage({ random, count }: Subject, repository: string): { what: string; before: Before } {
  const files = filesIn(repository);
  const kind = random.pick([...new Set(files.map(kindOf))]);
  const group = files.filter((path) => kindOf(path) === kind);
  const name = random.pick(group);
  const file = join(repository, name);
  const content = readFileSync(file);
  const before = new Map([[file, content]]);
  const done = (how: string, what: string) => {
    count(how);
    return { what: `${name}: ${what}`, before };
  };

  const dice = random.below(20);
  const other = join(repository, random.pick(group));
  // In place of a branch's own file git takes what packed-refs has of it: an older snapshot, which is whole.
  if (dice === 0 && kind !== 'refs/heads') {
    rmSync(file);
    return done('deleted', 'deleted');
  }
  if (dice === 1) {
    const size = random.below(content.length + 1);
    put(file, content.subarray(0, size));
    return done('cut off', `cut off at ${size}`);
  }
  // Refs that change places are whole again, and name other snapshots that are.
  if (dice === 2 && other !== file && !name.startsWith('refs')) {
    before.set(other, readFileSync(other));
    put(file, readFileSync(other));
    put(other, content);
    return done('swapped', `swapped with ${other}`);
  }
  const changed = Buffer.from(content);
  const at = random.below(content.length);
  if (dice === 3) {
    const size = Math.min(512, content.length - at);
    changed.fill(0, at, at + size);
    put(file, changed);
    return done('blocks of zeros', `zeros from ${at}, ${size} bytes`);
  }
  const bit = random.below(8);
  changed[at] = (changed[at] ?? 0) ^ (1 << bit);
  put(file, changed);
  return done('flips', `byte ${at}, bit ${bit}`);
}

/** Objects by how they are kept, refs, and the rest by their names in the repository. */
function kindOf(name: string): string {
  if (/^objects\/[0-9a-f]{2}\//.test(name)) return 'loose objects';
  return /\.(pack|idx|rev)$/.exec(name)?.[1] ?? /^(refs\/heads|refs\/tags|logs)(?=\/)/.exec(name)?.[0] ?? name;
}

/** All but what belongs to this host alone. Without git, nobody reads what is for git alone. */
function filesIn(repository: string): string[] {
  return readdirSync(repository, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('treekeeper') && (name !== 'config' || !process.env['TREEKEEPER_NO_GIT']))
    .filter((name) => statSync(join(repository, name)).isFile() && statSync(join(repository, name)).size > 0)
    .sort();
}

function put(path: string, content: Uint8Array): void {
  if (existsSync(path)) chmodSync(path, 0o644);
  writeFileSync(path, content);
}

function repair(before: Before): void {
  for (const [path, content] of before) put(path, content);
}

/** A check fails, or nothing came of it; and either way nothing that is answered is wrong. */
async function judge(subject: Subject, specimen: Specimen, truth: Truth, what: string): Promise<void> {
  const { repository, path, decryptor } = specimen;
  const isFound = (await findings(repository, decryptor)).length > 0;
  if (isFound) subject.count('found');
  else requireNoEffect(subject, specimen, truth, what);

  const opening = await answer(() => openForReading(repository));
  if ('refused' in opening) return;
  await using opened = opening.is;
  const tagged = await answer(() => shown(opened, 'v1', decryptor));
  subject.must('refused' in tagged || agree(tagged.is, truth.tagged), `${what}: show gives something else`);
  const change = await answer(() => differences(opened, compared, decryptor));
  subject.must('refused' in change || agree(change.is, truth.change), `${what}: a wrong diff`);

  const { nodes, succeeded } = await restored(opened, 'main', decryptor, join(path, 'target'));
  subject.must(isPart(nodes, truth.newest), `${what}: restore made a wrong node`);
  const isWhole = 'is' in succeeded && succeeded.is;
  subject.must(!isWhole || agree(nodes, truth.newest), `${what}: restore succeeded, and is not whole`);
}

/**
 * What git reads is the same to the last bit: only what nothing reads was damaged. A tag that is lost, or goes by another
 * name, is missed by whoever asks for it, and nobody else can tell.
 */
function requireNoEffect({ must, count }: Subject, { repository }: Specimen, { content }: Truth, what: string): void {
  const { refs, objects } = contentOf(repository);
  const lost = [...content.refs.keys()].filter((name) => !refs.has(name));
  const isSame = [...content.refs].every(([name, oid]) => lost.includes(name) || refs.get(name) === oid);
  const isKept = isPart(objects, content.objects) && (lost.length > 0 || objects.size === content.objects.size);
  must(
    lost.every((name) => name.startsWith('refs/tags/')),
    `${what}: not found by check, and ${lost} is gone`,
  );
  must(isSame && isKept, `${what}: not found by check, and git does not read what it did`);
  count(lost.length > 0 ? 'tags lost' : `without effect in ${kindOf(what.replace(/: .*/s, ''))}`);
}
