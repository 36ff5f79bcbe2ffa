import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWithTools } from '../servers/binaries.ts';
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
});
