import { join } from 'node:path';
import { expect, test } from 'vitest';
import { auditDurability } from '../faults/durability.ts';
import { type Scene, scenes, surroundings } from '../faults/scenes.ts';
import { openTracer } from '../faults/strace.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { cli, finish } from './run.ts';

const sceneOf = (name: string) => scenes(undefined).find((scene) => scene.name === name) as Scene;

test.each([
  ['backup', 'snapshots.git'],
  ['archive', 'snapshots.git'],
  ['restore', 'target'],
])('what a run of `%s` made is durable when it has ended', async (name, place) => {
  await using directory = await temporaryDirectory();
  await using outside = await temporaryDirectory();
  const { path } = directory;
  const tracer = openTracer(outside.path);
  if (tracer === undefined) return console.warn('skipped: strace is missing, or may not trace');
  const scene = sceneOf(name);
  await scene.prepare(path, 3);
  await scene.renew(path, 1);
  const trace = await tracer.traceAll(async (prefix) => {
    const run = await finish(path, [...prefix, process.execPath, cli, ...scene.args], surroundings(path));
    expect(run.status).toBe(0);
  });
  expect(auditDurability(trace, join(path, place))).toEqual([]);
});
