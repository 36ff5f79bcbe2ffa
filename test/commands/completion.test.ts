import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWithTools } from '../servers/binaries.ts';
import { treekeeper } from './run.ts';
import { openTerminal } from './terminal.ts';
import { lines, workspace } from './workspace.ts';

/** A workspace with a configuration and two snapshots, and a directory for PATH in which treekeeper is the built program. */
async function completing() {
  const space = await workspace();
  writeFileSync(
    join(space.path, 'treekeeper.yaml'),
    'version: 1\nstores:\n  etcd-prod: { service: "etcd://h:2379" }\n',
  );
  space.write('app/with space', 'v');
  await space.run('backup', 'dir:live');
  await space.run('tag', 'before-upgrade');
  await space.run('remote', 'add', 'origin', 'https://git.example.org/x.git');
  mkdirSync(join(space.path, 'bin'));
  symlinkSync(new URL('../../dist/cli.js', import.meta.url).pathname, join(space.path, 'bin/treekeeper'));
  return { ...space, PATH: `${join(space.path, 'bin')}:${process.env['PATH']}` };
}

const words = async (path: string, ...typed: string[]) => {
  const { stdout, stderr, status } = await treekeeper(path, ['complete', '--', ...typed]);
  expect([status, stderr]).toEqual([0, '']);
  return lines(stdout).map((line) => line.split('\t')[0]);
};

test('verbs, flags and their values, snapshots, keys, stores, services and remotes', async () => {
  await using space = await completing();
  const complete = (...typed: string[]) => words(space.path, ...typed);
  expect(await complete('res')).toEqual(['words', 'restore']);
  expect(await complete('remote', 'a')).toEqual(['words', 'add']);
  expect(await complete('backup', '--dry')).toEqual(['words', '--dry-run']);
  expect(await complete('backup', '--ephemeral', '')).toEqual(['words', 'skip', 'record']);
  expect(await complete('diff', '--color=al')).toEqual(['words', '--color=always']);
  expect(await complete('ls', '--store', '')).toEqual(['words', 'live']);
  expect(await complete('ls', '--store=')).toEqual(['words', '--store=live']);
  expect(await complete('--repo', 'snapshots.git', 'ls', '--store=l')).toEqual(['words', '--store=live']);
  expect(await complete('restore', 'latest', 'e')).toEqual(['words', 'etcd-prod', 'etcd://']);
  expect(await complete('push', '')).toEqual(['words', 'origin']);
  expect(await complete('keys', 'add', '')).toEqual(['files']);
  expect(await complete('help', 'arch')).toEqual(['words', 'archive']);

  const snapshots = await complete('restore', '');
  expect(snapshots.slice(0, 4)).toEqual(['words', 'latest', 'before-upgrade', 'main']);
  expect(snapshots[4]).toMatch(/^[0-9a-f]{10}$/);
  expect(await complete('show', 'latest:')).toEqual(['words', 'latest:app/']);
  expect(await complete('show', 'before-upgrade:app/d')).toEqual(['words', 'before-upgrade:app/db/']);
  expect(await complete('log', 'app/db/')).toEqual(['words', 'app/db/pool', 'app/db/url']);
});

test('where anything is wrong there is silence, and no word for a service that nobody may ask', async () => {
  await using space = await completing();
  const complete = (...typed: string[]) => words(space.path, ...typed);
  expect(await complete('restore', 'nonsense:a')).toEqual(['']);
  expect(await complete('nonsense', '')).toEqual(['words']);
  expect(await complete('ls', '--repo', '/nowhere', 'l')).toEqual(['words']);
  expect(await complete('ls', '--repo', 'https://127.0.0.1:1/x.git', 'l')).toEqual(['words']);
  writeFileSync(join(space.path, 'treekeeper.yaml'), 'version: nonsense');
  expect(await complete('backup', '')).toEqual(['']);
});

test('the scripts are ones that each shell takes', async () => {
  expect((await treekeeper('/', ['completion', 'tcsh'])).stderr).toMatch(/no completion for tcsh\n.*bash, zsh, fish/);
});

describeWithTools('bash', 'tmux')('in bash', () => {
  test('the next word is filled in, with colons, equal signs and blanks in it', async () => {
    await using space = await completing();
    using terminal = openTerminal(space.path, { columns: 200, env: { PATH: space.PATH } });
    terminal.line('unset -f treekeeper; source <(treekeeper completion bash)');
    await terminal.until(/\[exit 0\]/);
    const typed = async (text: string, expected: RegExp) => {
      terminal.type(text);
      terminal.press('Tab');
      await terminal.until(expected);
      terminal.press('C-u');
    };
    await typed('treekeeper rest', /treekeeper restore$/m);
    await typed('treekeeper show latest:app/d', /treekeeper show latest:app\/db\/$/m);
    await typed('treekeeper show latest:app/db/u', /treekeeper show latest:app\/db\/url$/m);
    await typed('treekeeper show latest:app/w', /treekeeper show latest:app\/with\\ space$/m);
    await typed('treekeeper ls --store=l', /treekeeper ls --store=live$/m);
    await typed('treekeeper restore latest etcd-', /treekeeper restore latest etcd-prod$/m);
    await typed('treekeeper init --repo snap', /treekeeper init --repo snapshots.git\/$/m);
  });
});

describeWithTools('fish')('in fish', () => {
  test('words come with what they are about', async () => {
    await using space = await completing();
    const script = (await space.run('completion', 'fish')).stdout;
    writeFileSync(join(space.path, 'c.fish'), script);
    const complete = (line: string) =>
      execFileSync('fish', ['--no-config', '-c', `source c.fish; complete -C '${line}'`], {
        cwd: space.path,
        encoding: 'utf8',
        env: { PATH: space.PATH, HOME: space.path, XDG_CONFIG_HOME: space.path },
      });
    expect(complete('treekeeper rest')).toBe('restore\tcreate in a service what is missing from a snapshot\n');
    expect(complete('treekeeper show latest:app/db/')).toBe('latest:app/db/pool\nlatest:app/db/url\n');
    expect(complete('treekeeper init --repo snap')).toContain('snapshots.git/');
  });
});

describeWithTools('zsh', 'tmux')('in zsh', () => {
  test('the next word is filled in', async () => {
    await using space = await completing();
    using terminal = openTerminal(space.path, { columns: 200, env: { PATH: space.PATH } });
    terminal.line('exec zsh -f');
    terminal.type("PS1='%# '; autoload -U compinit; compinit -u -D; source <(treekeeper completion zsh); echo ready\n");
    await terminal.until(/^ready$/m);
    const typed = async (text: string, expected: RegExp) => {
      terminal.type(text);
      terminal.press('Tab');
      await terminal.until(expected);
      terminal.press('C-u');
    };
    await typed('treekeeper rest', /treekeeper restore$/m);
    await typed('treekeeper show latest:app/db/u', /treekeeper show latest:app\/db\/url$/m);
    await typed('treekeeper ls --store=l', /treekeeper ls --store=live$/m);
    await typed('treekeeper init --repo snap', /treekeeper init --repo snapshots.git\/$/m);
  });
});
