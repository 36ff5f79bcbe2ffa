import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from '../servers/binaries.ts';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** A terminal as a person has it before them: tmux interprets what is written to it. */
export interface Terminal extends Disposable {
  /** Types a line. Its exit status appears as `[exit N]` once it has ended. */
  line(command: string): void;
  /** Types without the Enter key. */
  type(text: string): void;
  /** Presses keys, by tmux's names: `q`, `C-c`, `Tab`. */
  press(...keys: string[]): void;
  /** What stands on the screen, without the blanks at the ends of lines. */
  screen(): string;
  /** The same with the escape codes that colour it. */
  coloured(): string;
  /** Waits until the screen matches, and answers it. */
  until(pattern: RegExp): Promise<string>;
}

/** Opens a terminal with bash in `directory`, where `treekeeper` is the built program. */
export function openTerminal(
  directory: string,
  { columns = 80, rows = 24, env = {} }: { columns?: number; rows?: number; env?: { [name: string]: string } } = {},
): Terminal {
  const socket = join(directory, `tmux-${Math.random().toString(36).slice(2)}`);
  const start = `${socket}.sh`;
  writeFileSync(
    start,
    `PS1='$ '; PROMPT_COMMAND=; treekeeper() { ${process.execPath} ${cli} "$@"; }; HISTFILE=; bind 'set bell-style none'\n`,
  );
  const tmux = (...args: string[]) =>
    execFileSync(binary('tmux'), ['-S', socket, '-f', '/dev/null', ...args], {
      cwd: directory,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: directory, LANG: 'C.UTF-8', TERM: 'xterm-256color', ...env },
    });
  tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), `bash --noprofile --rcfile ${start}`);
  const screen = () =>
    tmux('capture-pane', '-p', '-t', '0')
      .replace(/[ \t]+$/gm, '')
      .trimEnd();

  return {
    line: (command) => void tmux('send-keys', '-t', '0', '-l', `${command}; echo "[exit $?]"\r`),
    type: (text) => void tmux('send-keys', '-t', '0', '-l', text),
    press: (...keys) => void tmux('send-keys', '-t', '0', ...keys),
    screen,
    coloured: () => tmux('capture-pane', '-p', '-e', '-t', '0'),

    async until(pattern) {
      const deadline = Date.now() + 20_000;
      for (let shown = screen(); ; shown = screen()) {
        if (pattern.test(shown)) return shown;
        if (Date.now() > deadline) throw new Error(`the screen never matched ${pattern}:\n${shown}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },

    [Symbol.dispose]() {
      tmux('kill-server');
      rmSync(start, { force: true });
    },
  };
}
