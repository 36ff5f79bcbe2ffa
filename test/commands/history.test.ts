import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { treekeeper } from './run.ts';
import { lines, records, workspace } from './workspace.ts';

/** Ids and times differ from run to run; everything else on a page of output is expected as it stands. */
const page = (text: string) =>
  lines(text).map((line) =>
    line.replace(/\b[0-9a-f]{10}\b/g, 'ID').replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, 'TIME'),
  );

describe('the history of two stores', () => {
  let space: Awaited<ReturnType<typeof workspace>>;
  const run = (...args: string[]) => space.run(...args);
  beforeAll(async () => {
    space = await workspace();
    const { path, write } = space;
    await run('backup', 'dir:live', '--store', 'us');
    mkdirSync(join(path, 'other/app/db'), { recursive: true });
    writeFileSync(join(path, 'other/app/db/url'), 'postgres://db9\n');
    await run('backup', 'dir:other', '--store', 'eu');
    write('app/db/url', 'postgres://db2\nsecond line\n');
    write('app/conf.json', '{"pool":{"max":10},"hosts":["a","b"]}');
    await run('backup', 'dir:live', '--store', 'us');
    // The node of a leaf becomes one with children, and is the same key all the while.
    rmSync(join(path, 'live/app/motd'));
    write('app/motd/today', 'hello\n');
    write('app/conf.json', '{"pool":{"max":40},"hosts":["b"]}');
    renameSync(join(path, 'live/app/db/pool'), join(path, 'live/app/db/size'));
    await run('backup', 'dir:live', '--store', 'us');
  });
  afterAll(() => space[Symbol.asyncDispose]());

  test('log shows every value that a key has had', async () => {
    expect(page((await run('log', 'app/db/url')).stdout)).toEqual([
      'ID  TIME  us: changed',
      '    postgres://db2',
      '    second line',
      'ID  TIME  eu: added  = postgres://db9',
      'ID  TIME  us: added  = postgres://db1',
    ]);
    const values = records((await run('log', 'app/db/url', '--json', '--store', 'us')).stdout);
    expect(values.map(({ change, value, consistency }) => ({ change, value, consistency }))).toEqual([
      { change: 'changed', value: 'postgres://db2\nsecond line\n', consistency: 'quiescent' },
      { change: 'added', value: 'postgres://db1\n', consistency: 'quiescent' },
    ]);
  });

  test('log follows a key whether it is a leaf or has children, and shows what is gone', async () => {
    expect(page((await run('log', 'app/motd')).stdout)).toEqual([
      'ID  TIME  us: changed  = (no value)',
      'ID  TIME  us: added  = hello',
    ]);
    expect(page((await run('log', 'app/db/pool')).stdout)).toEqual([
      'ID  TIME  us: removed',
      'ID  TIME  us: added  = max: 10',
    ]);
  });

  test('log -p shows the changes themselves', async () => {
    expect(page((await run('log', '-p', '-n', '1', 'app/db')).stdout)).toEqual([
      'ID  TIME  us: changed below',
      '    - app/db/pool',
      '        -max: 10',
      '    + app/db/size',
      '        +max: 10',
    ]);
    const told = records((await run('log', '-p', '-n', '2', '--json')).stdout);
    expect(told.map(({ type, change, key }) => [type, change, key].join(' ').trimEnd()).slice(0, 3)).toEqual([
      'snapshot',
      'change changed app/conf.json',
      'change removed app/db/pool',
    ]);
  });

  test('log by time', async () => {
    expect(lines((await run('log', '--since', '1 hour ago')).stdout)).toHaveLength(4);
    expect((await run('log', '--until', 'yesterday')).stdout).toBe('');
    expect(await run('log', '--since', 'sometime')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--since sometime is not a time'),
    });
  });

  test('diff of neighbours, of stores, in short and in JSON', async () => {
    expect(page((await run('diff', 'us')).stdout)).toEqual([
      '~ app/conf.json',
      '    JSON, by path:',
      '    -pool.max: 10',
      '    +pool.max: 40',
      '    -hosts[0]: "a"',
      '- app/db/pool',
      '    -max: 10',
      '+ app/db/size',
      '    +max: 10',
      '~ app/motd',
      '    6 B → no value',
      '+ app/motd/today',
      '    +hello',
      '2 added, 2 changed, 1 removed',
    ]);
    expect(page((await run('diff', 'us', 'eu', '--stat')).stdout)).toEqual([
      '- app/conf.json  -1',
      '- app/db/size  -1',
      '~ app/db/url  +1 -2',
      '- app/motd  no value → nothing',
      '- app/motd/today  -1',
      '0 added, 1 changed, 4 removed',
    ]);
    expect((await run('diff', 'us~1', 'us', '--shortstat')).stdout).toBe('2 added, 2 changed, 1 removed\n');
    expect(page((await run('diff', 'us~1', '--key', 'app/conf.json', '--by-line')).stdout)).toEqual([
      '~ app/conf.json',
      '    -{"pool":{"max":10},"hosts":["a","b"]}',
      '    +{"pool":{"max":40},"hosts":["b"]}',
      '0 added, 1 changed, 0 removed',
    ]);
    const [change, summary] = records((await run('diff', 'us', 'eu', '--json', '--key', 'app/db/url')).stdout);
    expect(change).toMatchObject({ type: 'change', change: 'changed', after: { value: 'postgres://db9\n' } });
    expect(summary).toMatchObject({ type: 'diff', from: { store: 'us' }, to: { store: 'eu' }, added: 0, changed: 1 });
  });

  test('diff of a service with a snapshot, and of two services', async () => {
    const live = await run('diff', 'dir:other', 'eu', '--exit-code');
    expect(live).toMatchObject({ status: 0, stderr: expect.stringContaining('dir:other (live) → eu at') });
    const both = await run('diff', 'dir:other', 'dir:live', '--name-only', '--exit-code');
    expect(both.status).toBe(4);
    expect(lines(both.stdout)).toEqual([
      '+ app/conf.json',
      '+ app/db/size',
      '~ app/db/url',
      '+ app/motd',
      '+ app/motd/today',
    ]);
  });

  test('colour where it is wanted', async () => {
    expect((await run('diff', 'us', '--name-only')).stdout).not.toContain('\x1b');
    expect((await run('diff', 'us', '--name-only', '--color=always')).stdout).toContain(
      '\x1b[32m+ app/db/size\x1b[39m\n',
    );
  });

  test('blame tells since when each node is what it is', async () => {
    const blamed = records((await run('blame', 'app', '--store', 'us', '--json')).stdout);
    const commits = new Map(blamed.map(({ key, commit }) => [key, commit]));
    const [last, middle, , first] = records((await run('log', '--json')).stdout).map(({ commit }) => commit);
    expect(Object.fromEntries(commits)).toEqual({
      app: first,
      'app/conf.json': last,
      'app/db': first,
      'app/db/size': last,
      'app/db/url': middle,
      'app/motd': last,
      'app/motd/today': last,
    });
    expect(page((await run('blame', 'app/db', '--at', 'us~2')).stdout)).toEqual([
      'ID  TIME  app/db',
      'ID  TIME  app/db/pool',
      'ID  TIME  app/db/url',
    ]);
    expect(await run('blame', '/nowhere', '--store', 'us')).toMatchObject({ status: 2 });
  });

  test('find looks into keys and values, now and through the history', async () => {
    expect(lines((await run('find', 'DB/', '-i')).stdout)).toEqual([
      'eu:app/db/url',
      'us:app/db/size',
      'us:app/db/url',
    ]);
    expect(lines((await run('find', '*.json', 'us')).stdout)).toEqual(['app/conf.json']);
    expect(lines((await run('find', '--values', '-E', 'db[0-9]$')).stdout)).toEqual([
      'eu:app/db/url: postgres://db9',
      'us:app/db/url: postgres://db2',
    ]);
    expect(page((await run('find', '--values', '--history', 'db1', 'us')).stdout)).toEqual([
      'ID  TIME  - app/db/url: postgres://db1',
      'ID  TIME  + app/db/url: postgres://db1',
    ]);
    const told = records((await run('find', '--history', 'pool', '--json')).stdout);
    expect(told.map(({ type, key, found }) => ({ type, key, found }))).toEqual([
      { type: 'vanished', key: 'app/db/pool' },
      { type: 'appeared', key: 'app/db/pool' },
      { type: 'find', found: 2 },
    ]);
    expect(await run('find', '-E', '[')).toMatchObject({ status: 2 });
    expect(await run('find', 'nothing-like-it')).toMatchObject({ status: 0, stdout: '' });
  });

  test('the same without a git binary, but for making names', async () => {
    const without = (...args: string[]) => treekeeper(space.path, args, { TREEKEEPER_NO_GIT: '1' });
    for (const args of [
      ['log', 'app/db/url'],
      ['diff', 'us'],
      ['blame', 'app', '--store', 'us'],
      ['find', '--values', '--history', 'db1'],
      ['ls', 'us@{now}'],
    ])
      expect((await without(...args)).stdout).toBe((await run(...args)).stdout);
    expect(await without('tag', 'x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('writing needs git'),
    });
  });
});

test('names: tags, stores, times in words, and the nearest where there is no such name', async () => {
  await using space = await workspace();
  const { run, write, git } = space;
  await run('backup', 'dir:live');
  expect((await run('tag', 'before-upgrade')).stdout).toMatch(/^created before-upgrade, at [0-9a-f]{10}\n$/);
  expect((await run('tag', 'before-upgrade')).stdout).toMatch(/^unchanged before-upgrade, at [0-9a-f]{10}\n$/);
  write('app/motd', 'two\n');
  await run('backup', 'dir:live');
  expect(git('rev-parse', 'before-upgrade')).toBe(git('rev-parse', 'main~1'));
  for (const name of ['before-upgrade', 'live~1', 'live@{before-upgrade}', 'latest~1'])
    expect((await run('show', `${name}:app/motd`)).stdout).toBe('hello\n');
  for (const name of ['live', 'now', '@{now}', `${new Date().getFullYear() + 1}-01-01 14:00`, 'live@{now}'])
    expect((await run('show', `${name}:app/motd`)).stdout).toBe('two\n');

  /** Exit status and talk. */
  const hint = async (...args: string[]) => {
    const { status, stderr } = await run(...args);
    return `${status} ${stderr.replaceAll(/\b[0-9a-f]{10}\b/g, 'ID').replaceAll(/\d{4}-\d\d-\d\d [\d:]+Z/g, 'TIME')}`;
  };
  expect(await hint('ls', 'before-upgarde')).toContain('did you mean before-upgrade?');
  expect(await hint('ls', 'mian')).toContain('did you mean main?');
  expect(await hint('ls', '--store', 'lvie')).toContain('did you mean live?');
  const id = git('rev-parse', 'main').trim();
  expect(await hint('ls', `${id.slice(0, 6)}${id[6] === '0' ? '1' : '0'}`)).toContain('did you mean ID?');
  expect(await hint('ls', 'last year')).toContain('there is no snapshot last year');
  expect(await hint('ls', '@{2001-01-01}')).toContain('the first one is ID, of TIME');
  expect(await hint('ls', 'latest~7')).toContain('it has 1;');

  expect(await hint('tag', 'before-upgrade')).toMatch(/^2 .*there is a tag before-upgrade already, of ID/);
  for (const name of ['latest', 'live', 'a b', 'abcd', '-x', 'a..b'])
    expect((await run('tag', '--', name)).status).toBe(2);
  git('tag', 'live', 'main~1');
  expect(await hint('ls', 'live')).toContain('live is a store and a tag');
  const tags = records((await run('tag', '--json')).stdout);
  expect(tags.map(({ type, name, commit }) => [type, name, commit])).toEqual([
    ['tag', 'before-upgrade', git('rev-parse', 'main~1').trim()],
    ['tag', 'live', git('rev-parse', 'main~1').trim()],
  ]);
  await run('tag', '-d', 'live');
  expect(await hint('tag', '-d', 'before-upgrad')).toContain('did you mean before-upgrade?');
  expect((await run('ls', 'live')).status).toBe(0);
});
