import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { openSigningKey } from '../../src/ciphers/signing.ts';
import { objectId } from '../../src/git/pack.ts';
import type { ObjectType } from '../../src/git/reader.ts';
import { addSignature } from '../../src/git/signature.ts';
import { type OpenRepository, openForReading } from '../../src/operations/open.ts';
import { requireTrusted } from '../../src/operations/trust.ts';
import { buildTree } from '../../src/snapshot/build.ts';
import { layouts } from '../../src/snapshot/layout.ts';
import { encodeManifest, isStoreName } from '../../src/snapshot/manifest.ts';
import { directoryMode, type Oid, type TreeEntry } from '../../src/snapshot/objects.ts';
import { encodeTree } from '../../src/snapshot/tree.ts';
import { openSnapshot, walkSnapshot } from '../../src/snapshot/walk.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { hostileSegments } from '../snapshot/keys.ts';
import { build, type Item, manifestOf, memory } from '../snapshot/memory.ts';
import { changed } from './fuzz.ts';
import { makeSpecimen, type Specimen } from './specimen.ts';
import { type Subject, subject } from './subject.ts';
import { agree, answer, findings, isPart, type Nodes, restored, shown } from './testimony.ts';

/** The newest commit of the specimen, with stores of every kind of service, and its objects by id. */
interface Whole {
  readonly commit: Buffer;
  readonly tree: Oid;
  readonly stores: readonly string[];
  readonly live: Nodes;
}

/** One object on the way from the root to what is forged. */
interface Step {
  readonly entries: readonly TreeEntry[];
  readonly at: number;
}

const words = [
  '%41',
  '%2F',
  '%',
  '%+',
  '%_',
  '.gpg',
  '%attrs.json',
  '%value',
  '%null',
  '.',
  'A',
  '{}',
  'null',
  '"',
  ' ',
  '\n',
];
const modes = ['100644', '100755', '120000', '160000', '40000'];

subject('commits with something in them that treekeeper did not put there', async (subject) => {
  const { must, count } = subject;
  await using directory = await temporaryDirectory();
  const specimen = await makeSpecimen(directory.path);
  process.env['TREEKEEPER_NO_GIT'] = '1';
  const whole = await addStores(specimen);
  for (let time = 0; time < subject.scale(80, 10_000); time++) {
    const written: string[] = [];
    const write = (type: ObjectType, content: Uint8Array) => putObject(specimen, type, content, written);
    await using opened = await openForReading(specimen.repository);
    const { what, commit } = await forge(subject, opened, whole, write);
    if (commit.equals(whole.commit)) continue;
    const oid = write('commit', commit);
    setMain(specimen, oid);
    count('forged');

    const trusted = await answer(() => requireTrusted(opened.reader, oid, specimen.trust));
    must('refused' in trusted, `${what}: is trusted`);
    const found = await findings(specimen.repository, specimen.decryptor);
    count(found.length > 0 ? 'found' : 'snapshots as somebody could make them');
    if (found.length === 0) await requireCanonical(subject, opened, oid, what);

    const told = await answer(() => shown(opened, 'main', specimen.decryptor));
    const { nodes, succeeded } = await restored(opened, 'main', specimen.decryptor, join(specimen.path, 'target'));
    const isWhole = 'is' in succeeded && succeeded.is;
    const original = 'is' in told ? told.is : new Map<string, string>();
    // Where another kind of store was put in this one's place, its directories are no nodes of their own.
    const own = new Map([...nodes].filter(([key, text]) => text !== 'null {}' || original.has(key)));
    must(!isWhole || agree(own, original), `${what}: restored something else than is shown`);
    must(isPart(own, original), `${what}: restored what is not in it`);
    for (const [key, text] of nodes)
      if (/^secret\/(password|token)$/.test(key) && found.length === 0)
        must(text === whole.live.get(key), `${what}: a wrong secret`);
    for (const path of written) rmSync(path, { force: true });
    setMain(specimen, objectId('commit', whole.commit));
  }
  delete process.env['TREEKEEPER_NO_GIT'];
});

/** Adds what only other services have, in a commit that is signed as all are. */
async function addStores(specimen: Specimen): Promise<Whole> {
  const { path, git, repository, decryptor } = specimen;
  const store = memory();
  const segments = hostileSegments.filter((segment, index) => segment.length < 300 && index % 4 === 0);
  const keyed = (keys: readonly string[]): Item[] => [...new Set(keys)].map((key) => ({ key, value: `of ${key}` }));
  const deep = Array.from({ length: 60 }, () => 'fifteen-letters').join('/');
  const acl = '{\n  "acl": [\n    "world:anyone:r"\n  ]\n}\n';
  const trees = {
    'in-consul': build(store, [...keyed([...segments.filter(Boolean), `a/${deep}`]), flagged], manifestOf('consul')),
    'in-etcd': build(
      store,
      keyed([...segments.map((segment) => `/${segment}`), 'rel', `/${deep}`]),
      manifestOf('etcd'),
    ),
    'in-zookeeper': build(
      store,
      [
        { key: '/', value: null },
        { key: '/a', value: 'a', attributes: acl },
        { key: '/a/none', value: null, attributes: acl },
        { key: '/b', value: '' },
      ],
      manifestOf('zookeeper'),
    ),
  };
  for (const { type, content } of store.objects.values()) putObject(specimen, type, content, []);
  await using opened = await openForReading(repository);
  const root = await opened.reader.readTree(git('rev-parse', 'main^{tree}'));
  const entries = Object.entries(trees).map(([name, oid]) => ({ mode: directoryMode, name, oid }));
  const tree = putObject(specimen, 'tree', encodeTree([...root, ...entries]), []);
  const text = `tree ${tree}\nparent ${git('rev-parse', 'main')}\nauthor a <a> 2000000000 +0000\ncommitter a <a> 2000000000 +0000\n\nmore stores\n\nStore: in-etcd\nNodes: 1\n`;
  const key = await openSigningKey(readFileSync(join(path, 'host.key')), undefined, () =>
    Promise.reject(new Error('')),
  );
  const commit = Buffer.from(addSignature(Buffer.from(text), await key.sign(Buffer.from(text))));
  const oid = putObject(specimen, 'commit', commit, []);
  setMain(specimen, oid);
  git('repack', '-q', '-a', '-d');
  await requireTrusted(opened.reader, oid, specimen.trust);
  const found = await findings(repository, decryptor);
  if (found.length > 0) throw new Error(`the specimen is not sound: ${found}`);
  return { commit, tree, stores: ['live', ...Object.keys(trees)], live: await shown(opened, 'main', decryptor) };
}

const flagged: Item = { key: 'flags', value: '', attributes: '{\n  "flags": "7"\n}\n' };

/** A commit that differs from the whole one in one place, and is well-formed. */
async function forge(
  { random }: Subject,
  { reader }: OpenRepository,
  { commit, tree }: Whole,
  write: (type: ObjectType, content: Uint8Array) => Oid,
): Promise<{ readonly what: string; readonly commit: Buffer }> {
  if (random.below(6) === 0) {
    const at = random.below(commit.length);
    const flipped = Buffer.from(commit);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
    return { what: `the commit with byte ${at} changed`, commit: flipped };
  }

  const steps: Step[] = [];
  let oid = tree;
  let isBlob = false;
  while (!isBlob) {
    const entries = await reader.readTree(oid);
    const marked = [...entries.keys()].filter((index) => /%[^0-9A-F]|\.gpg$/.test(entries[index]?.name ?? ''));
    const at = random.below(2) === 0 && marked.length > 0 ? random.pick(marked) : random.below(entries.length);
    steps.push({ entries, at });
    isBlob = entries[at]?.mode !== directoryMode || random.below(6) === 0;
    oid = entries[at]?.oid ?? '';
  }
  const { entries, at } = steps.pop() ?? { entries: [], at: 0 };
  const entry = entries[at] ?? { mode: '', name: '', oid: '' };
  const [how, others] = await alter();
  const where = [...steps.map((step) => step.entries[step.at]?.name), entry.name].join('/');
  const top = steps.reduceRight(
    (inner, step) => writeTree(step.entries.map((old, index) => (index === step.at ? { ...old, oid: inner } : old))),
    writeTree(others),
  );
  const text = commit.toString('latin1').replace(tree, top);
  return { what: `${JSON.stringify(where)} ${how}`, commit: Buffer.from(text, 'latin1') };

  async function alter(): Promise<readonly [string, readonly TreeEntry[]]> {
    const put = (other: Partial<TreeEntry>) => entries.map((old, index) => (index === at ? { ...old, ...other } : old));
    const second = random.below(entries.length);
    switch (random.below(8)) {
      case 0:
        return ['removed', entries.filter((_, index) => index !== at)];
      case 1:
        return ['with another mode', put({ mode: random.pick(modes) })];
      case 2:
      case 3: {
        const name = changed(random, Buffer.from(entry.name, 'latin1'), words).toString('latin1');
        return [`renamed to ${JSON.stringify(name)}`, put({ name: name.replace(/[\0/]/g, '') || 'x' })];
      }
      case 4: {
        const moved = entries.map((old, index) =>
          index === at
            ? { ...old, oid: entries[second]?.oid ?? '' }
            : index === second
              ? { ...old, oid: entry.oid }
              : old,
        );
        return [`in the place of ${entries[second]?.name}`, moved];
      }
      default: {
        if (entry.mode === directoryMode) return ['removed', entries.filter((_, index) => index !== at)];
        const content = changed(random, Buffer.from(await reader.readBlob(entry.oid)), words);
        return ['with another content', put({ oid: write('blob', content) })];
      }
    }
  }

  function writeTree(all: readonly TreeEntry[]): Oid {
    const names = new Map(all.map((one) => [one.name, one]));
    return write('tree', encodeTree([...names.values()]));
  }
}

/** Each store that is still one is, to the last bit, what its own nodes make. */
async function requireCanonical({ must }: Subject, { reader }: OpenRepository, oid: Oid, what: string): Promise<void> {
  const text = Buffer.from((await reader.read(oid)).content).toString('latin1');
  for (const { name, oid: tree, mode } of await reader.readTree(/^tree (\w+)/.exec(text)?.[1] ?? '')) {
    if (
      mode !== directoryMode ||
      !isStoreName(name) ||
      !(await reader.readTree(tree)).some((entry) => entry.name === '%store.json')
    )
      continue;
    const snapshot = await openSnapshot(name, tree, reader);
    const { manifest } = snapshot;
    const sink = memory();
    const builder = buildTree({ layout: layouts[manifest.service], root: manifest.root, sink, ordered: false });
    await walkSnapshot(snapshot, ({ key, value, attributes }) => builder.add(key, value, attributes));
    const again = builder.finish(sink.blob(encodeManifest(manifest)));
    must(again === tree, `${what}: not found by check, and not what treekeeper writes of these nodes`);
  }
}

/** As git writes it. Answers its id, and notes the file where there was none. */
function putObject({ repository }: Specimen, type: ObjectType, content: Uint8Array, written: string[]): Oid {
  const oid = objectId(type, content);
  const path = join(repository, 'objects', oid.slice(0, 2), oid.slice(2));
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(path, deflateSync(Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content])), {
      flag: 'wx',
    });
    written.push(path);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
  }
  return oid;
}

function setMain({ repository }: Specimen, oid: Oid): void {
  writeFileSync(join(repository, 'refs/heads/main'), `${oid}\n`);
}
