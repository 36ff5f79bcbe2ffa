import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { readBranch } from '../../src/git/refs.ts';
import { fsck } from '../../src/git/upkeep.ts';
import { seeded } from '../random.ts';
import { compiled, runs, start } from './child.ts';
import { emptyRepository } from './temporary.ts';

const rounds = 40;

test('killed anywhere, the branch is old or new, and the next run needs no help', { timeout: 180_000 }, async () => {
  const seed = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
  const random = seeded(seed);
  const repository = await emptyRepository();
  const write = (round: number, objects: number) =>
    start(runs.write, [compiled(), repository.gitDir, `${round}`, `${objects}`]);
  compiled();

  const before = performance.now();
  await write(1, 2_000).ended;
  const whole = performance.now() - before;

  let killed = 0;
  for (let round = 2; round < 2 + rounds; round++) {
    const where = `seed ${seed}, round ${round}`;
    const old = await readBranch(repository);
    const { child, ended } = write(round * 2, 2_000);
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), random() * whole);
    const end = await ended;
    clearTimeout(timer);
    killed += end.killed ? 1 : 0;

    expect(end.stderr, where).toBe('');
    expect([old, end.stdout.trim()], where).toContain(await readBranch(repository));
    expect(await fsck(repository), where).toEqual([]);

    const next = await write(round * 2 + 1, 10).ended;
    expect(next.stderr, where).toBe('');
    expect(await readBranch(repository), where).toBe(next.stdout.trim());
    expect(
      readdirSync(join(repository.gitDir, 'objects')).filter((name) => name.startsWith('tmp_')),
      where,
    ).toEqual([]);
  }
  expect(killed).toBeGreaterThan(rounds / 4);
  expect(await fsck(repository)).toEqual([]);
});
