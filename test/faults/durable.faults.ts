import { join } from 'node:path';
import { startGnupg } from '../ciphers/gnupg.ts';
import { cli, finish } from '../commands/run.ts';
import { findBinary } from '../servers/binaries.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { auditDurability } from './durability.ts';
import { makePeople } from './model/rules.ts';
import { scenes, surroundings } from './scenes.ts';
import { openTracer } from './strace.ts';
import { subject } from './subject.ts';

const people = findBinary('gpg') === undefined ? undefined : makePeople(startGnupg());

subject('everything is durable when a run has ended', async (subject) => {
  for (const scene of scenes(people)) {
    // Its directories are git's own to make durable.
    if (scene.name === 'maintenance') continue;
    await using directory = await temporaryDirectory();
    const { path } = directory;
    await using outside = await temporaryDirectory();
    const tracer = openTracer(outside.path);
    if (tracer === undefined) return subject.skip('strace is missing, or may not trace');
    await scene.prepare(path, 10);
    const before = await scene.renew(path, 1);
    const trace = await tracer.traceAll(async (prefix) => {
      const end = await finish(path, [...prefix, process.execPath, cli, ...scene.args], surroundings(path));
      subject.must(end.status === 0 && scene.outcome(path, before) === 'new', `${scene.name}: ${end.stderr}`);
    });
    const place = join(path, scene.name === 'restore' ? 'target' : 'snapshots.git');
    for (const finding of auditDurability(trace, place)) subject.must(false, `${scene.name}: ${finding}`);
    subject.count('runs');
    subject.count('fsync', [...trace.matchAll(/ f(data)?sync\(/g)].length);
  }
});
