import type { Writable } from 'node:stream';
import { exitCodes, type TreekeeperError } from '../errors.ts';
import { bytesToJson } from '../snapshot/bytes.ts';
import { plain, type Style } from './style.ts';

/**
 * One thing that a verb found or did, as data. In JSON it is one line with `type` first; bytes become text or
 * `{"base64": ...}`, 64-bit integers strings, and fields that are undefined are left out.
 */
export type Report = { readonly type: string; readonly [field: string]: unknown };

/** Where a verb says what it has to say. stdout is data, stderr is talk. */
export interface Printer {
  readonly json: boolean;
  /** How text that is data looks; it does nothing where there is no colour. Talk has none. */
  readonly style: Style;
  /** Data: as a line of JSON, or as `text` (one or more lines, without the last newline; `undefined` prints nothing). */
  print(report: Report, text: string | undefined): void;
  /** Data as raw bytes. */
  raw(content: Uint8Array): void;
  /** Talk that `--quiet` silences. */
  note(text: string): void;
  /** Talk that nothing silences. */
  warn(text: string): void;
  /** What went wrong: one line of fact, one of hint. */
  fail(error: TreekeeperError): void;
  /** Shows how far a long work has come, where somebody is watching; an empty text takes it away. */
  progress(text: string): void;
  /** Writes out what is held back: lines come out together, at the next turn of the event loop at the latest. */
  flush(): void;
}

/** Characters that are held back at most: to write each of 100,000 lines by itself takes longer than to find them. */
const mostHeld = 64 * 1024;

export interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

/** Back to the first column, and nothing left on the line. */
const eraseLine = '\r\x1b[K';

/** Talk on stderr is the same for both forms of data. */
export function openPrinter(
  { stdout, stderr }: Streams,
  { json, quiet, style = plain }: { json: boolean; quiet: boolean; style?: Style },
): Printer {
  let isShown = false;
  let held = '';
  const clear = () => {
    if (isShown) stderr.write(eraseLine);
    isShown = false;
  };
  const flush = () => {
    if (held !== '') stdout.write(held);
    held = '';
  };
  const write = (line: string) => {
    clear();
    if (held === '') setImmediate(flush);
    held += `${line}\n`;
    if (held.length > mostHeld) flush();
  };
  const talk = (text: string) => {
    flush();
    clear();
    stderr.write(`${text}\n`);
  };

  return {
    json,
    style,

    flush,

    print(report, text) {
      if (json) write(JSON.stringify(report, toJson));
      else if (text !== undefined) write(text);
    },

    raw(content) {
      clear();
      flush();
      stdout.write(content);
    },

    note(text) {
      if (!quiet) talk(text);
    },

    warn(text) {
      talk(`treekeeper: ${text}`);
    },

    fail({ code, message, hint }) {
      if (json) write(JSON.stringify({ type: 'error', code, exit: exitCodes[code], message, hint }));
      talk(`treekeeper: ${message}`);
      if (hint !== undefined) talk(`  hint: ${hint}`);
    },

    progress(text) {
      if (quiet || !stderr.isTTY || process.env['TERM'] === 'dumb') return;
      flush();
      // Also where nothing is shown: a terminal has put ^C there, if it was that which ended the work.
      stderr.write(eraseLine + (text === '' ? '' : oneLine(text, stderr.columns)));
      isShown = text !== '';
    },
  };
}

/**
 * Text cut to the width of a terminal. Characters that are two columns wide are not counted as such: the terminal itself
 * is told not to wrap (DECAWM) while they are written.
 */
function oneLine(text: string, columns = 80): string {
  const characters = [...text];
  const fits = characters.length < columns;
  return `\x1b[?7l${fits ? text : `${characters.slice(0, columns - 2).join('')}…`}\x1b[?7h`;
}

function toJson(this: { readonly [name: string]: unknown }, name: string, value: unknown): unknown {
  // A Buffer turns itself into something else before it comes here as `value`.
  const original = this[name];
  if (original instanceof Uint8Array) return bytesToJson(original);
  if (original instanceof Map) return Object.fromEntries(original);
  return typeof original === 'bigint' ? original.toString() : value;
}
