import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backupHost, git } from '../commands/backup-host.ts';
import { bareRemote } from '../servers/git-hosts.ts';
import { requireOrderly, runLimited } from './judgement.ts';
import { spoil } from './spoiled.ts';
import { subject } from './subject.ts';

/*
 * What is known of a remote. One ref in the place of another is left out: it names a commit that is here, and nobody can tell.
 * The memory beside the cache of a remote that is read by its URL is no part of a repository (remote-cache.test.ts).
 */
const places = {
  tracked: 'refs/remotes',
  seen: 'refs/treekeeper/seen',
  reached: 'refs/treekeeper/reached',
  included: 'refs/treekeeper/pushed',
};
const parts = ['tracked', 'seen', 'reached', 'included'] as const;
type Part = (typeof parts)[number];

subject('what is known of a remote, lost, damaged or old, while others push there and take back', async (subject) => {
  const { random, count, must } = subject;
  await using host = await backupHost();
  await using other = await backupHost();
  const hub = bareRemote(join(host.path, 'hub.git'));
  for (const { run } of [host, other]) await run('remote', 'add', 'origin', hub);
  const run = (...args: string[]) => runLimited(host.path, args);
  const fileOf = (part: Part) => join(host.path, 'snapshots.git', places[part], 'origin/main');
  const contentOf = (part: Part) => (existsSync(fileOf(part)) ? readFileSync(fileOf(part)) : undefined);
  /** In the middle of a push: what the remote runs before it takes it. */
  const hook = join(hub, 'hooks/pre-receive');
  const put = (part: Part, content: Buffer | undefined, isLater: boolean) => {
    const [file, waiting] = [fileOf(part), join(host.path, part)];
    mkdirSync(join(file, '..'), { recursive: true });
    if (content !== undefined) writeFileSync(isLater ? waiting : file, content);
    else if (!isLater) rmSync(file, { force: true });
    if (isLater) appendFileSync(hook, content === undefined ? `rm -f ${file}\n` : `cp ${waiting} ${file}\n`);
  };
  const taken: string[] = [];
  let old = new Map<Part, Buffer | undefined>();
  await run('backup', 'dir:live', '--store', 'ours', '--push');
  const first = git(hub, 'rev-parse', 'main');
  let lastSeen = '';

  for (let time = 0; time < subject.scale(30, 1_500); time++) {
    if (random.below(3) === 0) old = new Map(parts.map((part) => [part, contentOf(part)]));
    if (random.below(3) === 0) {
      other.write('app', `${time}`);
      await other.run('backup', 'dir:live', '--store', 'theirs', '--push', '--allow-other-history');
    }
    if (random.below(8) === 0) await run('maintenance');
    const tip = git(hub, 'rev-parse', 'main');

    const spoiled = new Map<Part, string>();
    const isLater = random.below(3) === 0;
    if (isLater) writeFileSync(hook, '#!/bin/sh\n', { mode: 0o755 });
    if (random.below(5) === 0 && old.size > 0) {
      for (const [part, content] of old) put(part, content, isLater);
      for (const part of parts) spoiled.set(part, 'old');
    } else {
      for (const part of parts.filter(() => random.below(3) === 0)) {
        const { what, content } = spoil(random, contentOf(part) ?? Buffer.from(`${tip}\n`), undefined, []);
        put(part, content, isLater);
        spoiled.set(part, what);
      }
    }
    for (const what of spoiled.values()) count(what);
    const where = `${time}, ${isLater ? 'in the middle, ' : ''}${[...spoiled].map(([part, what]) => `${part} ${what}`).join(', ')}`;

    // Whoever remembers what was there takes nothing that was taken back.
    if (random.below(4) === 0 && tip === lastSeen && !isLater) {
      git(hub, 'update-ref', 'refs/heads/main', `${tip}~1`);
      const isForgotten = ['deleted', 'old'].includes(spoiled.get('seen') ?? '');
      const fetched = await run('fetch', '--json');
      requireOrderly(subject, fetched, `${where}, fetch`);
      must(fetched.status !== 0 || isForgotten, `${where}: what was taken back is taken: ${fetched.stdout}`);
      count(fetched.status === 0 ? 'taken' : 'not taken');
      git(hub, 'update-ref', 'refs/heads/main', tip);
    }

    const value = `value ${time}`;
    host.write('app', value);
    const status = await run('status');
    requireOrderly(subject, status, `${where}, status`);
    must(status.status === 0, `${where}: status: ${status.status} ${status.stderr}`);
    let pushed = await run('backup', 'dir:live', '--store', 'ours', '--push', '--json');
    rmSync(hook, { force: true });
    requireOrderly(subject, pushed, where);
    if (pushed.status !== 0) {
      const isRefused = pushed.status === 6 && /seen\/origin\/main is damaged/.test(pushed.stderr);
      must(isRefused && spoiled.has('seen'), `${where}: push: ${pushed.status} ${pushed.stderr}`);
      count('refused');
      pushed = await run('push', '--allow-other-history', '--json');
    }
    must(pushed.status === 0, `${where}: push at last: ${pushed.status} ${pushed.stderr}`);
    taken.push(value);
    lastSeen = git(hub, 'rev-parse', 'main');
    must(git(hub, 'show', 'main:ours/app') === value, `${where}: pushed, and it is not there`);
    const range = git(hub, 'log', '--reverse', '--format=%H', `${first}..main`, '--', 'ours').split('\n');
    const there = range.map((commit) => git(hub, 'show', `${commit}:ours/app`));
    must(there.join() === taken.join(), `${where}: there are ${there.slice(-4)}, not ${taken.slice(-4)}`);
    must(git(hub, 'rev-list', '--count', '--merges', 'main') === '0', `${where}: merged`);
  }
  const repository = join(host.path, 'snapshots.git');
  for (const path of [hub, repository])
    must(git(path, 'fsck', '--strict', '--no-dangling') === '', `fsck complains of ${path}`);
  const checked = await run('check');
  must(checked.status === 0, `check: ${checked.stdout} ${checked.stderr}`);
});
