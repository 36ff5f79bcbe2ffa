import { decodeCommit, encodeCommit } from '../../src/git/commit.ts';
import { splitSignature } from '../../src/git/signature.ts';
import { decodeJsonObject, encodeJson } from '../../src/snapshot/attributes.ts';
import { decodeDirectory, encodeDirectory } from '../../src/snapshot/directory.ts';
import { layouts } from '../../src/snapshot/layout.ts';
import { decodeManifest, encodeManifest } from '../../src/snapshot/manifest.ts';
import { decodeTrailers, encodeMessage } from '../../src/snapshot/message.ts';
import { formatTime } from '../../src/snapshot/moment.ts';
import { decodeTree, encodeTree } from '../../src/snapshot/tree.ts';
import type { Random } from '../random.ts';
import { build, byKey, type Item, manifestOf, memory, open, walk } from '../snapshot/memory.ts';
import { anySegment, changed, refuses, refusesOrKeeps } from './fuzz.ts';
import { subject } from './subject.ts';

const short = 100_000;
const long = 1_000_000;

subject('any keys come back from their names', async (subject) => {
  const { random, count, must } = subject;
  for (let keys = 0; keys < subject.scale(short, long); ) {
    const service = random.pick(['etcd', 'consul', 'zookeeper'] as const);
    const items = new Map<string, Item>();
    if (service === 'zookeeper') items.set('/', { key: '/', value: null });
    for (let size = 1 + random.below(200); size > 0; size--) {
      const segments = Array.from({ length: random.below(20) === 0 ? random.below(30) + 1 : random.below(4) + 1 }, () =>
        anySegment(random),
      );
      // A znode has a path as it is, and those above it exist.
      const key = service === 'consul' ? segments.join('/') : `/${segments.join('/')}`;
      if (key !== '' && service !== 'zookeeper') items.set(key, { key, value: key.slice(0, 20) });
      else if (service === 'zookeeper' && segments.every((segment) => segment !== ''))
        for (let depth = 0; depth <= segments.length; depth++) {
          const above = `/${segments.slice(0, depth).join('/')}`;
          items.set(above, { key: above, value: null });
        }
    }
    const store = memory();
    const all = [...items.values()].sort(byKey);
    const tree = build(store, all, manifestOf(service));
    const found = (await walk(await open(store, tree))).sort(byKey);
    must(JSON.stringify(found) === JSON.stringify(all), `not the same keys: ${JSON.stringify(all.slice(0, 20))}`);
    keys += all.length;
    count('keys', all.length);
  }
});

subject('a directory that was changed is refused, or is one that would be written so', async (subject) => {
  const { random } = subject;
  for (let time = 0; time < subject.scale(short, long); time++) {
    const store = memory();
    const [file, leaf] = [store.blob(Buffer.from('x')), store.blob(new Uint8Array())];
    const inner = store.tree(encodeTree([{ mode: '100644', name: '%null', oid: leaf }]));
    const names = new Set(Array.from({ length: 1 + random.below(5) }, () => anyName(random)));
    const entries = [...names].map((name) => {
      const oid = name === '%null' ? leaf : file;
      return random.below(5) === 0 ? { mode: '40000', name, oid: inner } : { mode: '100644', name, oid };
    });
    await refusesOrKeeps(subject, encodeTree(entries), async (bytes) => {
      const directory = await decodeDirectory(decodeTree(bytes), store, 's');
      return encodeTree(encodeDirectory(directory, store));
    });
  }
});

subject('a manifest that was changed is refused, or is one that would be written so', async (subject) => {
  const { random } = subject;
  for (let time = 0; time < subject.scale(short, long); time++) {
    const text = changed(random, Buffer.from(encodeManifest(anyManifest(random))), manifestWords);
    await refusesOrKeeps(subject, text, async (bytes) => encodeManifest(decodeManifest(bytes, 's')));
  }
});

subject('attributes that were changed are refused, or are some that would be written so', async (subject) => {
  const { random } = subject;
  for (let time = 0; time < subject.scale(short, long); time++) {
    const text = changed(random, Buffer.from(encodeJson(anyJson(random, 3) as never)), attributeWords);
    await refusesOrKeeps(subject, text, async (bytes) => encodeJson(decodeJsonObject(bytes, 's')));
  }
});

subject(
  'any commit is taken apart without a defect, and its trailers cannot be forged from within',
  async (subject) => {
    const { random, must } = subject;
    const tree = '1'.repeat(40);
    for (let time = 0; time < subject.scale(short, long); time++) {
      const [source, identity] = [anyText(random), anyText(random)];
      const report = { ...emptyReport, source, identity, consistency: anyText(random) };
      const message = encodeMessage(report, '1.0.0');
      const trailers = decodeTrailers(message);
      const isTold =
        trailers.get('Store') === 's' && trailers.get('Nodes') === '7' && trailers.get('Complete') === 'yes';
      must(isTold && trailers.size === 8, `not the trailers that were written: ${JSON.stringify(message)}`);
      const person = { name: 'n', email: 'e@example.org' };
      const commit = encodeCommit({ tree, parents: [], author: person, time: 1, message });
      must(decodeCommit(commit).message === message, `not the message that was written: ${JSON.stringify(message)}`);
      const bytes = changed(random, Buffer.from(commit), commitWords);
      await refuses(subject, bytes, async () => {
        splitSignature(bytes);
        const { message, committer } = decodeCommit(bytes);
        decodeTrailers(message);
        formatTime(committer.time);
      });
    }
  },
);

const nameWords = ['%2F', '%2f', '%', '%_', '%41', 'A', '.gpg', '%attrs.json', '%value', '%null', '%+', 'con', '%63on'];

function anyName(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(3) }, () => {
    const part = random.below(2) === 0 ? random.pick(nameWords) : anySegment(random).slice(0, 12);
    return part.replaceAll('\0', '');
  });
  return parts.join('') || 'a';
}

function anyText(random: Random): string {
  return random.below(3) === 0 ? random.pick(trailerWords) : anySegment(random);
}

const trailerWords = [
  'x\n\nStore: other',
  'x\nNodes: 8',
  'x\r\nComplete: no',
  'Store: y',
  '\u2028Nodes: 8',
  '\x85Nodes: 8',
];

const emptyReport = {
  ...{
    store: 's',
    service: 'etcd',
    revision: undefined,
    unreadable: 0,
    hidden: undefined,
    skipped: new Map(),
    nodes: 7,
  },
  ...{ added: 0, changed: 0, removed: 0 },
};

function anyManifest(random: Random) {
  const list = () => Array.from({ length: random.below(3) }, () => anySegment(random));
  const service = random.pick(Object.keys(layouts)) as keyof typeof layouts;
  const encrypt = Array.from({ length: random.below(3) }, () => ({
    keys: list(),
    recipients: list(),
    ...(random.below(2) === 0 && { passphrase: true as const }),
    ...(random.below(2) === 0 && { sessionKeys: 'per-value' as const }),
  }));
  const root = random.below(2) === 0 ? random.bytes(random.below(6)) : Buffer.from('/app');
  const ephemeral = random.pick(['skip', 'record'] as const);
  return { service, root, include: list(), exclude: list(), ephemeral, encrypt };
}

function anyJson(random: Random, depth: number): unknown {
  const names = ['acl', 'executable', 'flags', '__proto__', '10', '9', 'é', ''];
  if (depth === 3 || (depth > 0 && random.below(3) === 0))
    return Object.fromEntries(
      Array.from({ length: random.below(4) }, () => [random.pick(names), anyJson(random, depth - 1)]),
    );
  if (depth > 0 && random.below(3) === 0)
    return Array.from({ length: random.below(3) }, () => anyJson(random, depth - 1));
  return random.pick([true, false, null, 0, -1.5, 1e300, '', 'x', anySegment(random)]);
}

const manifestWords = [
  '"format": 1.0',
  '1e0',
  'null',
  '{"base64": "YQ=="}',
  '"ephemeral": "skip",',
  '[]',
  '{}',
  ' ',
  ',',
  '\\u0061',
  '"root": "",',
];
const attributeWords = [
  'true',
  'null',
  '{',
  '}',
  '[',
  ']',
  '"',
  ' ',
  '\n',
  '\\u0061',
  '1.0',
  '-0',
  '"acl": 1,',
  '\xff',
  '[[[[[[',
];
const commitWords = [
  '\n',
  '\n\n',
  'tree ',
  'parent ',
  'author ',
  'gpgsig ',
  'encoding latin1\n',
  ' -0000',
  '9'.repeat(30),
  '\xff',
  '\0',
  '<',
  '>',
];
