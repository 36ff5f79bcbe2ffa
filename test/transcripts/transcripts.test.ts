import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { requireDescribed } from '../commands/output-schema.ts';
import { consulStore, etcdStore, type Store, zookeeperStore } from '../commands/stores.ts';
import { binary, describeWith } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { hasZookeeper } from '../servers/zookeeper.ts';
import { normalizer, readTranscript } from './transcript.ts';

/*
 * Whole scenarios as a person sees them. In the pages, services are where they are by default; here they are where there is
 * room for them.
 */
const folder = new URL('./', import.meta.url);
const usual: { readonly [scheme: string]: { url: string; start: () => Promise<Store> } } = {
  etcd: { url: 'etcd://127.0.0.1:2379', start: etcdStore },
  zookeeper: { url: 'zookeeper://127.0.0.1:2181', start: zookeeperStore },
  consul: { url: 'consul://127.0.0.1:8500', start: consulStore },
};

const programs = ['etcd', 'etcdctl', 'consul', 'java', ...(hasZookeeper() ? [] : ['zookeeper.jar'])];
describeWith(...programs)('transcripts', () => {
  test.each(readdirSync(folder).filter((file) => file.endsWith('.txt')))('%s', async (file) => {
    const page = readFileSync(new URL(file, folder), 'utf8');
    const steps = readTranscript(page);
    await using directory = await temporaryDirectory();
    await using services = await startServices(steps.map(({ command }) => command).join('\n'));
    const { stores } = services;
    const [etcd] = stores.filter(({ here }) => here.startsWith('etcd:'));
    const env = {
      ...pathWithPrograms(directory.path),
      ...Object.assign({}, ...stores.map(({ store }) => store.env)),
      HOME: directory.path,
      ETCDCTL_ENDPOINTS: etcd?.there.replace(/^etcd:/, 'http:'),
    };

    const expected = normalizer([['/srv/ops', '<dir>']]);
    const actual = normalizer([...stores.map(({ here, there }) => [there, here] as const), [directory.path, '<dir>']]);
    const [right, came] = [[''], ['']];
    for (const { command, output } of steps) {
      const elsewhere = stores.reduce((changed, { here, there }) => changed.replaceAll(here, there), command);
      const printed = await run(elsewhere, directory.path, env);
      right.push(`$ ${command}\n${expected(output)}`);
      came.push(`$ ${command}\n${actual(printed)}`);
      if (command.includes('--json'))
        for (const line of printed.split('\n')) if (line.startsWith('{')) requireDescribed(line);
    }
    expect(came.join('')).toBe(right.join(''));
  });
});

/** Starts the services that the commands of a page name. */
async function startServices(commands: string) {
  const wanted = Object.values(usual).filter(({ url }) => commands.includes(url));
  const stores = await Promise.all(
    wanted.map(async ({ url, start }) => {
      const store = await start();
      return { store, here: url, there: store.url() };
    }),
  );
  return {
    stores,
    async [Symbol.asyncDispose]() {
      for (const { store } of stores) await store[Symbol.asyncDispose]();
    },
  };
}

/** A PATH on which treekeeper is the built program. */
function pathWithPrograms(directory: string): NodeJS.ProcessEnv {
  const bin = join(directory, '.bin');
  mkdirSync(bin);
  symlinkSync(new URL('../../dist/cli.js', import.meta.url).pathname, join(bin, 'treekeeper'));
  return { PATH: [bin, dirname(process.execPath), dirname(binary('etcdctl')), process.env['PATH']].join(':') };
}

/** Both streams as one terminal would show them, and the status where it is not 0. */
function run(command: string, directory: string, env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn('bash', ['-c', `${command} 2>&1`], { cwd: directory, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (status) => {
      const ended = output === '' || output.endsWith('\n') ? output : `${output}\n`;
      resolve(status === 0 ? ended : `${ended}[exit ${status}]\n`);
    });
  });
}
