import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { openEtcd } from '../src/services/etcd.ts';
import { startEtcd } from '../test/servers/etcd.ts';
import { temporaryDirectory } from '../test/servers/process.ts';
import { fill, rounds, treekeeper } from './circumstances.ts';
import { measure, type Work } from './measure.ts';
import { realisticNodes } from './nodes.ts';
import { type Section, table } from './table.ts';

const size = 10_000;
/** Values that are changed between two snapshots. */
const changed = 100;

/** Encrypted values beside plain ones of the same etcd, and beside gpg on as many files. */
export async function encryptionSection(): Promise<Section> {
  await using directory = await temporaryDirectory();
  await using etcd = await startEtcd();
  await using empty = await startEtcd();
  const nodes = realisticNodes(size, 1);
  await fill(openEtcd({ ...etcd.address, timeout: 60_000 }), nodes);
  const [source, target] = [etcd, empty].map(({ endpoints }) => `etcd://127.0.0.1:${endpoints[0]?.port}`) as [
    string,
    string,
  ];
  const place = (name: string) => join(directory.path, name);
  const gpg = await openGpg(place('gnupg'));
  const keys = await Promise.all([makeKey('a'), makeKey('b'), makeKey('c', 4096)]);
  for (const { secret } of keys) gpg.run(['--import'], secret);
  writeFileSync(place('public.asc'), keys.map((key) => key.public).join('\n'));
  writeFileSync(place('secret.asc'), keys[0].secret);

  const kinds = { plain: 0, 'one recipient': 1, 'three recipients': 3 };
  const commands = Object.entries(kinds).map(([kind, recipients]) => {
    const config = place(`${recipients}.yaml`);
    const fingerprints = JSON.stringify(keys.slice(0, recipients).map(({ fingerprint }) => fingerprint));
    const encrypt = `    encrypt: [{ keys: ["**"], recipients: ${fingerprints}, keyFiles: [public.asc] }]\n`;
    writeFileSync(config, `version: 1\nstores:\n  app:\n    service: ${source}\n${recipients > 0 ? encrypt : ''}`);
    const at = (repository: string, ...args: string[]) =>
      treekeeper(...args, '--config', config, '--repo', place(`${recipients}-${repository}.git`));
    const kept = at('kept', 'backup', 'app');
    execFileSync(kept.command, kept.args, { stdio: 'ignore' });
    return { kind, recipients, at, kept };
  });
  const clear = (path: string) => rmSync(path, { recursive: true, force: true });
  const first = commands.map(({ kind, recipients, at }) => ({
    name: `first snapshot, ${kind}`,
    ...at('fresh', 'backup', 'app'),
    prepare: () => clear(place(`${recipients}-fresh.git`)),
  }));
  const unchanged = commands.map(({ kind, kept }) => ({ name: `unchanged snapshot, ${kind}`, ...kept }));
  const restore = commands.map(({ kind, at }) => ({
    name: `restore into an empty etcd, ${kind}`,
    ...at('kept', 'restore', 'latest', target, '--yes', '--key-file', place('secret.asc')),
    prepare: () => empty.ctl('del', '', '--prefix'),
  }));
  const [, one] = commands;
  const throughGpg: Work = {
    name: 'restore into an empty etcd, one recipient, through gpg',
    ...(one?.at('kept', 'restore', 'latest', target, '--yes') ?? { command: '', args: [] }),
    prepare: () => empty.ctl('del', '', '--prefix'),
  };
  const works: Work[] = [...first, ...unchanged, ...restore, throughGpg];
  gpg.forgetRuns();
  const runs = await measure(works, rounds);
  const operations = gpg.countRuns() / rounds;

  let round = 0;
  const touched = await measureTouched();
  const files = gpgWorks();
  const alone = await measure(files, 1);
  const seconds = runs.map((run) => run.seconds);
  const ratio = (a: number, b: number) => (seconds[a] ?? Number.NaN) / (seconds[b] ?? Number.NaN);
  const rewritten = Math.max(
    ...commands.slice(1).map(({ recipients }) => rewrittenBlobs(place(`${recipients}-kept.git`))),
  );
  return {
    size,
    text: `## Encrypted values, ${size.toLocaleString('en')} nodes of an etcd\n\n${table([...works, ...touched.works, ...files], [...runs, ...touched.runs, ...alone], 0, 'of the first, plain')}\n\nA restore through gpg ran it ${operations} times. With ${changed} values changed, ${rewritten} ciphertexts were written.`,
    demands: [
      { what: 'first snapshot, one recipient / plain', most: 2, measured: ratio(1, 0) },
      { what: 'first snapshot, three recipients / plain', most: 2, measured: ratio(2, 0) },
      { what: 'unchanged snapshot, one recipient / plain', most: 1.3, measured: ratio(4, 3) },
      { what: 'unchanged snapshot, three recipients / plain', most: 1.3, measured: ratio(5, 3) },
      { what: `ciphertexts written / values changed`, most: 1, measured: rewritten / changed },
      { what: 'restore with a key file, one recipient / plain', most: 2, measured: ratio(7, 6) },
      { what: 'restore with a key file, three recipients / plain', most: 2, measured: ratio(8, 6) },
      { what: 'runs of gpg for a restore', most: 3, measured: operations },
    ],
  };

  /** Each in turn finds the same values changed. */
  async function measureTouched() {
    const touch = async () => {
      round += 1;
      for (const { key } of nodes.slice(round * changed, (round + 1) * changed))
        await etcd.ctl('put', Buffer.from(key).toString(), `changed: ${round}`);
    };
    const works: Work[] = commands.map(({ kind, kept }) => ({ name: `snapshot with 1 % changed, ${kind}`, ...kept }));
    const all: Awaited<ReturnType<typeof measure>>[] = [];
    for (let turn = 0; turn < rounds; turn++) {
      await touch();
      all.push(await measure(works, 1));
    }
    const middle = (index: number) =>
      all.map((turn) => turn[index] ?? { seconds: Number.NaN, peak: 0 }).toSorted((a, b) => a.seconds - b.seconds)[
        Math.floor(rounds / 2)
      ] ?? { seconds: Number.NaN, peak: 0 };
    return { works, runs: works.map((_, index) => middle(index)) };
  }

  /** The values of the nodes as files, for gpg alone. */
  function gpgWorks(): Work[] {
    mkdirSync(place('files'));
    const names = nodes.map(({ value }, index) => {
      writeFileSync(place(`files/${index}`), value ?? new Uint8Array());
      return place(`files/${index}`);
    });
    const plain = ['--batch', '--quiet', '--yes', '--trust-model', 'always'];
    const recipient = keys[0].fingerprint;
    return [
      {
        name: 'gpg --encrypt-files (measured once)',
        command: 'gpg',
        args: [...plain, '-r', recipient, '--encrypt-files', ...names],
      },
      {
        name: 'gpg --decrypt-files (measured once)',
        command: 'gpg',
        args: [...plain, '--decrypt-files', ...names.map((name) => `${name}.gpg`)],
      },
    ];
  }
}

/** How many ciphertexts the last commit of a repository wrote. */
function rewrittenBlobs(repository: string): number {
  const args = ['-C', repository, 'diff-tree', '-r', '--name-only', 'main~1', 'main'];
  return execFileSync('git', args, { encoding: 'utf8' }).trimEnd().split('\n').length;
}

async function makeKey(name: string, rsaBits?: number) {
  const userIDs = [{ name, email: `${name}@example.org` }];
  const kind = rsaBits === undefined ? { type: 'ecc', curve: 'curve25519Legacy' } : { type: 'rsa', rsaBits };
  const made = await openpgp.generateKey({ ...(kind as { type: 'rsa'; rsaBits: number }), userIDs, format: 'armored' });
  const key = await openpgp.readKey({ armoredKey: made.publicKey });
  return { fingerprint: key.getFingerprint().toUpperCase(), public: made.publicKey, secret: made.privateKey };
}

/** A gpg with a home of its own, first on the path, which counts how often it runs. Ends its agent with this process. */
async function openGpg(home: string) {
  const real = execFileSync('which', ['gpg'], { encoding: 'utf8' }).trim();
  const [log, bin] = [join(home, 'runs'), join(home, 'bin')];
  mkdirSync(bin, { recursive: true });
  chmodSync(home, 0o700);
  writeFileSync(log, '');
  writeFileSync(join(bin, 'gpg'), `#!/bin/sh\necho run >>${log}\nexec ${real} "$@"\n`, { mode: 0o755 });
  process.env['GNUPGHOME'] = home;
  process.env['PATH'] = `${bin}:${process.env['PATH']}`;
  process.once('exit', () => execFileSync('gpgconf', ['--kill', 'all']));
  return {
    run: (args: readonly string[], input: string) =>
      execFileSync(real, ['--batch', '--quiet', ...args], { input, stdio: ['pipe', 'pipe', 'pipe'] }),
    forgetRuns: () => writeFileSync(log, ''),
    countRuns: () => readFileSync(log, 'utf8').split('\n').length - 1,
  };
}
