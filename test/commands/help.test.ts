import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Cli } from 'clipanion';
import { expect, test } from 'vitest';
import { describeVerb } from '../../src/commands/describe.ts';
import { describeWithTools } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { treekeeper } from './run.ts';
import { verbClasses } from './verb-classes.ts';

const help = async (...args: string[]) => (await treekeeper('/', args)).stdout;

test('help lists every verb once, in the order of what one does first, and the flags of all of them once', async () => {
  const overview = await help('--help');
  const verbs = (await verbClasses()).flatMap((verb) => describeVerb(verb) ?? []);
  for (const { path } of verbs) {
    const line = new RegExp(`^  ${path.join(' ')}(?= |$)`, 'gm');
    expect(overview.match(line), path.join(' ')).toHaveLength(1);
  }
  expect(overview.match(/--repo/g)).toHaveLength(1);
  expect(overview.indexOf('  backup ')).toBeLessThan(overview.indexOf('  restore '));
  expect(await help()).toBe(overview);
  expect(await help('help')).toBe(overview);
});

test('the help of a verb is the same by whichever way it is asked for, and has its own flags alone', async () => {
  const page = await help('help', 'restore');
  expect(page).toContain('usage: treekeeper restore [flags] SNAPSHOT[:KEY] SERVICE\n');
  expect(page).toMatch(/^ {2}-n, --dry-run {3,}Stop after the plan$/m);
  expect(page).not.toMatch(/^ +--repo/m);
  expect(await help('restore', '--help')).toBe(page);
  expect(await help('restore', 'latest', '-h')).toBe(page);
  expect(await help('remote', 'add', '--help')).toContain('usage: treekeeper remote add NAME URL\n');
});

test('every example is one that its verb takes', async () => {
  const classes = await verbClasses();
  const cli = Cli.from(classes, { binaryName: 'treekeeper' });
  const context = { directory: '/', signal: new AbortController().signal, loadVerbs: async () => classes };
  for (const verb of classes) {
    for (const [, example] of describeVerb(verb)?.examples ?? []) {
      const line = example.replace(/^source <\((.*)\)$| > ?\S+$/, '$1');
      const [program, ...args] = execFileSync('bash', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
        .slice(0, -1)
        .split('\0');
      expect(program).toBe('treekeeper');
      expect(() => cli.process(args, context), line).not.toThrow();
    }
  }
});

test('a mistake is told in one line, with where to look', async () => {
  const told = async (...args: string[]) => (await treekeeper('/', args)).stderr;
  expect(await treekeeper('/', ['nonsense'])).toEqual({
    status: 2,
    stdout: '',
    stderr: 'treekeeper: there is no verb nonsense\n  hint: `treekeeper help` lists the verbs\n',
  });
  expect(await told('bakcup')).toContain('did you mean backup?');
  expect(await told('restore', 'latest')).toMatch(/^treekeeper: not enough positional arguments\n.*help restore/);
  expect(await told('import', 'other')).toMatch(/^treekeeper: import does not take these arguments\n.*help import/);
  expect(await told('ls', '--nope')).toMatch(/^treekeeper: unsupported option name \("--nope"\)\n/);
  const { stdout } = await treekeeper('/', ['ls', '--json', '--nope']);
  expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'usage', exit: 2 });
  expect((await treekeeper('/', ['ls', '--nope', '--', '--json'])).stdout).toBe('');
});

test('README has the exit statuses that the manual has', async () => {
  const { exitMeanings } = await import('../../src/report/manual.ts');
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8').replaceAll('`', '');
  const rows = [...readme.matchAll(/^\| (\d+(?:, \d+)*) \| (.*) \|$/gm)];
  expect(rows.length).toBeGreaterThan(10);
  const told = new Map(exitMeanings);
  for (const [, status = '', meaning = ''] of rows)
    expect(meaning.startsWith(told.get(status) ?? '?'), status).toBe(true);
});

test('npm install --global puts the command and its man page where they are found', async () => {
  await using prefix = await temporaryDirectory();
  const root = new URL('../..', import.meta.url).pathname;
  const flags = ['--global', '--offline', '--ignore-scripts', '--silent', '--prefix', prefix.path];
  execFileSync('npm', ['install', ...flags, root], { cwd: prefix.path });
  expect(execFileSync(`${prefix.path}/bin/treekeeper`, ['--version'], { encoding: 'utf8' })).toMatch(
    /^\d+\.\d+\.\d+\n$/,
  );
  expect(readFileSync(`${prefix.path}/share/man/man1/treekeeper.1`, 'utf8')).toContain('.TH');
});

describeWithTools('mandoc')('the man page', () => {
  test('is without a fault for mandoc, and tells of every verb', async () => {
    const page = new URL('../../dist/treekeeper.1', import.meta.url).pathname;
    const { stdout: faults } = spawnSync('mandoc', ['-Tlint', '-W', 'warning', page], { encoding: 'utf8' });
    expect(faults.split('\n').filter((line) => line !== '' && !line.includes('missing date'))).toEqual([]);
    const shown = execFileSync('mandoc', ['-Tascii', page], { encoding: 'utf8' }).replace(/.[\b]/g, '');
    for (const { path } of (await verbClasses()).flatMap((verb) => describeVerb(verb) ?? []))
      expect(shown).toContain(`treekeeper ${path.join(' ')}`);
  });
});
