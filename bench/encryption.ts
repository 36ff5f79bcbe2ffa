import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from '../src/snapshot/node.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { fill, oneAfterAnother, rounds, treekeeper } from './circumstances.ts';
import { makeKey, openGpg } from './encryption-keys.ts';
import { etcd } from './etcd.ts';
import { measure, type Work } from './measure.ts';
import { type Section, seconds } from './section.ts';
import type { BenchServer } from './service.ts';

/** Values that are changed between two snapshots. */
const changed = 100;
const kinds = [
  { kind: 'plain', recipients: 0 },
  { kind: 'one recipient', recipients: 1 },
  { kind: 'three recipients', recipients: 3 },
] as const;

/** Encrypted values beside plain ones of the same etcd, and beside gpg on as many files. */
export async function encryptionSection(size: number): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using full = await etcd.start();
  const nodes = etcd.nodes(size);
  await fill(full.open(), nodes);
  const place = (name: string) => join(directory.path, name);
  const gpg = openGpg(place('gnupg'));
  const keys = await Promise.all([makeKey('a'), makeKey('b'), makeKey('c', 4096)]);
  for (const { secret } of keys) gpg.run(['--import'], secret);
  writeFileSync(place('public.asc'), keys.map((key) => key.public).join('\n'));
  writeFileSync(place('secret.asc'), keys[0].secret);

  const url = ({ port }: BenchServer) => `etcd://127.0.0.1:${port}`;
  const on = (recipients: number, repository: string, ...args: string[]) =>
    treekeeper(...args, '--config', place(`${recipients}.yaml`), '--repo', place(`${recipients}-${repository}.git`));
  for (const { recipients } of kinds) {
    const fingerprints = JSON.stringify(keys.slice(0, recipients).map(({ fingerprint }) => fingerprint));
    const encrypt = `    encrypt: [{ keys: ["**"], recipients: ${fingerprints}, keyFiles: [public.asc] }]\n`;
    const store = `version: 1\nstores:\n  app:\n    service: ${url(full)}\n${recipients > 0 ? encrypt : ''}`;
    writeFileSync(place(`${recipients}.yaml`), store);
    const { command, args } = on(recipients, 'kept', 'backup', 'app');
    execFileSync(command, args, { stdio: 'ignore' });
  }

  await using empty = oneAfterAnother(etcd.start);
  let round = 0;
  const works: Work[] = [
    ...kinds.map(({ kind, recipients }) => ({
      name: `first snapshot, ${kind}`,
      start() {
        rmSync(place(`${recipients}-fresh.git`), { recursive: true, force: true });
        return on(recipients, 'fresh', 'backup', 'app');
      },
    })),
    ...kinds.map(({ kind, recipients }) => ({
      name: `unchanged snapshot, ${kind}`,
      start: () => on(recipients, 'kept', 'backup', 'app'),
    })),
    ...kinds.map(({ kind, recipients }) => ({
      name: `snapshot with 1 % changed, ${kind}`,
      async start() {
        // Each in turn finds the same values changed.
        if (recipients === 0) {
          await full.change(nodes.slice(round * changed, (round + 1) * changed), `changed: ${round}`);
          round += 1;
        }
        return on(recipients, 'kept', 'backup', 'app');
      },
    })),
    ...kinds.map(({ kind, recipients }) => ({
      name: `restore with a key file, ${kind}`,
      start: async () =>
        on(recipients, 'fresh', 'restore', 'latest', url(await empty.next()), '--key-file', place('secret.asc')),
    })),
  ];
  const rows = await measure(works, rounds);
  const written = Math.max(...[1, 3].map((recipients) => writtenBlobs(place(`${recipients}-kept.git`))));

  const restoring = url(await empty.next());
  gpg.forgetRuns();
  const throughGpg = {
    name: 'restore through gpg, one recipient',
    start: () => on(1, 'fresh', 'restore', 'latest', restoring),
  };
  const once = await measure([throughGpg], 1);
  const operations = gpg.countRuns();
  once.push(...(await measure(gpgWorks(place('files'), nodes, keys[0].fingerprint), 1)));

  const of = seconds(rows);
  const demand = (what: string, most: number) =>
    (['one recipient', 'three recipients'] as const).map((kind) => ({
      what: `${what}: ${kind} / plain`,
      most,
      measured: of(`${what}, ${kind}`) / of(`${what}, plain`),
    }));
  return {
    title: `Encrypted values, ${size.toLocaleString('en')} nodes of an etcd`,
    comparisons: [{ base: 'first snapshot, plain', rows: [...rows, ...once] }],
    demands: [
      ...demand('first snapshot', 2),
      ...demand('unchanged snapshot', 1.3),
      ...demand('restore with a key file', 2),
      { what: 'ciphertexts written / values changed', most: 1, measured: written / changed },
      { what: 'runs of gpg for a restore', most: 3, measured: operations },
    ],
    remarks: [
      `A restore through gpg ran it ${operations} times. With ${changed} values changed, ${written} ciphertexts were written.`,
    ],
  };
}

/** gpg alone on the values of the nodes, as files. */
function gpgWorks(path: string, nodes: readonly Node[], recipient: string): Work[] {
  mkdirSync(path);
  const files = nodes.map(({ value }, index) => {
    writeFileSync(join(path, String(index)), value ?? '');
    return join(path, String(index));
  });
  const gpg = (...args: string[]) => ({
    command: 'gpg',
    args: ['--batch', '--quiet', '--yes', '--trust-model', 'always', ...args],
  });
  return [
    { name: 'gpg --encrypt-files', start: () => gpg('-r', recipient, '--encrypt-files', ...files) },
    { name: 'gpg --decrypt-files', start: () => gpg('--decrypt-files', ...files.map((file) => `${file}.gpg`)) },
  ];
}

/** How many ciphertexts the last commit of a repository wrote. */
function writtenBlobs(repository: string): number {
  const args = ['-C', repository, 'diff-tree', '-r', '--name-only', 'main~1', 'main'];
  return execFileSync('git', args, { encoding: 'utf8' }).trimEnd().split('\n').length;
}
