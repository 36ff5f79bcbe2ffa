import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWithTools } from '../servers/binaries.ts';
import { treekeeper } from './run.ts';
import { openTerminal } from './terminal.ts';
import { workspace } from './workspace.ts';

/** A tree whose listing is longer than a screen. */
async function longWorkspace() {
  const space = await workspace();
  for (let number = 100; number < 200; number++) space.write(`app/many/key-${number}`, 'v');
  await space.run('backup', 'dir:live');
  return space;
}

describeWithTools('tmux', 'less')('on a terminal', () => {
  test('long output goes through the pager, and leaving it is no failure', async () => {
    await using space = await longWorkspace();
    using terminal = openTerminal(space.path);
    terminal.line('treekeeper ls');
    const first = await terminal.until(/key-11\d\n:$/);
    expect(first.split('\n')[0]).toBe('app');
    terminal.press('G');
    await terminal.until(/app\/motd\n\(END\)$/);
    terminal.press('q');
    await terminal.until(/\[exit 0\]/);
  });

  test('the pager stays away from short output, from --no-pager, and from an empty PAGER', async () => {
    await using space = await longWorkspace();
    using terminal = openTerminal(space.path, { rows: 20 });
    terminal.line('treekeeper ls latest:app/db');
    expect(await terminal.until(/\[exit 0\]/)).toContain('\napp/db\napp/db/pool\napp/db/url\n[exit 0]');
    terminal.line('clear; treekeeper ls --no-pager');
    await terminal.until(/app\/motd\n\[exit 0\]/);
    terminal.line('clear; PAGER= treekeeper ls');
    await terminal.until(/app\/motd\n\[exit 0\]/);
    terminal.line('clear; PAGER=no-such-pager treekeeper ls');
    await terminal.until(/app\/motd\n\[exit 0\]/);
  });

  test('the exit status is that of the verb, and errors are seen in the pager too', async () => {
    await using space = await longWorkspace();
    using terminal = openTerminal(space.path);
    space.write('app/motd', 'other\n');
    terminal.line('treekeeper diff latest dir:live --exit-code');
    await terminal.until(/\[exit 4\]/);
    terminal.line('clear; PAGER="sed s/^/paged:/" treekeeper log nowhere');
    expect(await terminal.until(/\[exit 2\]/)).toMatch(/^treekeeper: no snapshot ever had this key/m);
  });

  test.each([40, 200])('progress stays on one line of %i columns and leaves nothing behind', async (columns) => {
    await using space = await longWorkspace();
    using terminal = openTerminal(space.path, { columns });
    const name = 'long-name-'.repeat(9);
    mkdirSync(join(space.path, name));
    for (let number = 0; number < 1500; number++) writeFileSync(join(space.path, name, `k${number}`), 'v');
    terminal.line(`treekeeper backup dir:${name} --store many`);
    const shown = await terminal.until(/\[exit 0\]/);
    const after = shown.slice(shown.indexOf('--store many') + 12);
    expect(after).toMatch(/many: 1,500 added/);
    expect(after).not.toContain('reading');
  });

  test('colour is there on a terminal, and in its pager, and gone with NO_COLOR', async () => {
    await using space = await longWorkspace();
    space.write('app/motd', 'other\n');
    await space.run('backup', 'dir:live');
    using terminal = openTerminal(space.path);
    const green = '\x1b[32m+other';
    terminal.line('treekeeper diff --no-pager');
    await terminal.until(/\[exit 0\]/);
    expect(terminal.coloured()).toContain(green);
    for (const [command, isGreen] of [
      ['treekeeper diff; echo paged', true],
      ['NO_COLOR=1 treekeeper diff; echo plain', false],
    ] as const) {
      terminal.line(`clear; ${command}`);
      await terminal.until(new RegExp(`^${command.slice(-5)}\\n\\[exit 0\\]`, 'm'));
      expect(terminal.coloured().includes('\x1b[32m')).toBe(isGreen);
    }
  });

  test('before much is created, a person is asked, and nothing happens without a yes', async () => {
    await using space = await longWorkspace();
    using terminal = openTerminal(space.path, { columns: 100 });
    const restore = 'clear; treekeeper restore latest dir:copy --confirm-above 10';
    terminal.line(restore);
    await terminal.until(/\[y\/N\]$/);
    terminal.press('n', 'Enter');
    expect(await terminal.until(/\[exit 1\]/)).toContain('nothing was created: the answer was not yes');
    terminal.line(restore);
    await terminal.until(/\[y\/N\]$/);
    terminal.press('C-c');
    await terminal.until(/\[exit 130\]/);
    expect(existsSync(join(space.path, 'copy'))).toBe(false);
    terminal.line(restore);
    await terminal.until(/\[y\/N\]$/);
    terminal.press('y', 'Enter');
    await terminal.until(/106 created.*\n\[exit 0\]/);
  });

  test('Ctrl-C ends a run, with one line for it and the terminal as it was', async () => {
    await using space = await longWorkspace();
    await using server = await silentServer();
    using terminal = openTerminal(space.path);
    terminal.line(`treekeeper backup etcd://127.0.0.1:${server.port} --timeout 2`);
    await server.asked;
    terminal.press('C-c');
    const shown = await terminal.until(/\[exit 130\]/);
    expect(shown).toMatch(/^treekeeper: stopped$/m);
    terminal.line('clear; echo still here');
    await terminal.until(/^still here$/m);
  });
});

/** Takes connections and never says a word; `asked` once the first is there. */
async function silentServer() {
  const server = createServer();
  const asked = new Promise<void>((resolve) => server.once('connection', () => resolve()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

test('what does not go to a terminal has no escape codes and goes through no pager', async () => {
  await using space = await longWorkspace();
  const env = { PAGER: 'sed s/^/paged/', TERM: 'xterm-256color' };
  for (const args of [
    ['ls'],
    ['log', '-p'],
    ['diff'],
    ['backup', 'dir:live'],
    ['help'],
    ['restore', 'latest', 'dir:copy'],
  ]) {
    const { stdout, stderr } = await treekeeper(space.path, args, env);
    expect(stdout + stderr).not.toContain('\x1b');
    expect(stdout).not.toContain('paged');
  }
});
