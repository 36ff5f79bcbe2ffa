import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backupHost } from './backup-host.ts';

/* What the transport itself does with a hostile repository is in test/git/hostile-transport.test.ts. */

/** URLs that would run a program or be taken for an option somewhere, given one that leaves a file behind. */
const hostileUrls = (program: string): readonly string[] => [
  `ext::${program}`,
  `ext::sh -c ${program}% %S`,
  `fd::17/${program}`,
  `transport::ext::${program}`,
  `--upload-pack=${program}`,
  `--receive-pack=${program}`,
  `-u${program}`,
  `ssh://-oProxyCommand=${program}/x`,
  `ssh://git@-oProxyCommand=${program}/x`,
  `ssh://-oProxyCommand=${program}@127.0.0.1/x`,
  `-oProxyCommand=${program}:x`,
  `git@-oProxyCommand=${program}:x`,
  'ssh://127.0.0.1/-x',
  `https://127.0.0.1/x\n--upload-pack=${program}`,
  `file://${program}`,
  `http://127.0.0.1:1/x?--upload-pack=${program}`,
];

test('no URL runs a program, wherever it stands', async () => {
  await using host = await backupHost();
  const { path, run } = host;
  const sentinel = join(path, 'ran');
  const program = join(path, 'program');
  writeFileSync(program, `#!/bin/sh\ntouch ${sentinel}\n`, { mode: 0o755 });
  await run('backup', 'dir:live');
  const urls = hostileUrls(program);
  writeFileSync(
    join(path, 'treekeeper.yaml'),
    `version: 1\nremotes:\n${urls.map((url, index) => `  - { name: r${index}, url: ${JSON.stringify(url)} }\n`).join('')}`,
  );
  const pushed = await run('push');
  expect(pushed.status).toBe(6);
  for (const index of urls.keys()) expect(pushed.stderr).toContain(`the remote r${index}: `);

  await Promise.all(
    urls.map(async (url, index) => {
      for (const args of [
        ['clone', '--', url, `c${index}`],
        ['remote', 'add', '--', `a${index}`, url],
      ]) {
        expect({ url, ...(await run(...args)) }).toMatchObject({
          url,
          status: url.startsWith('file:') ? expect.any(Number) : 2,
        });
      }
      expect((await run('ls', `--repo=${url}`)).status).not.toBe(0);
    }),
  );
  // The same in the configuration of the repository, where others may have written it.
  for (const [index, url] of urls.entries()) host.git('config', `remote.s${index}.url`, url);
  host.git('config', 'remote.-x.url', '/nowhere');
  const stored = await run('push');
  expect(stored.status).toBe(6);
  expect(stored.stderr).toContain('the remote -x: ');
  expect(existsSync(sentinel)).toBe(false);
}, 120_000);
