import { spawn } from 'node:child_process';
import { PassThrough, Writable } from 'node:stream';
import type { Streams } from './printer.ts';

type Environment = { readonly [name: string]: string | undefined };

/** Streams that may lead into a pager. */
export interface Paged extends Streams {
  /** Everything was written: resolves once whoever reads it has left the pager. */
  finish(): Promise<void>;
}

/**
 * The pager that a user wants, as git has it: GIT_PAGER, PAGER, else less. `undefined` where there shall be none, and where
 * the terminal could not bear one. What the repository or git are configured for is not asked.
 */
export function pagerCommand(environment: Environment): string | undefined {
  const command = environment['GIT_PAGER'] ?? environment['PAGER'] ?? 'less';
  return command === '' || command === 'cat' || environment['TERM'] === 'dumb' ? undefined : command;
}

/**
 * Leads what is written through `command`, from the first word of data on: until then nothing is started, and stderr is
 * the terminal. Afterwards both are the pager's, and nobody is shown any progress. Where the pager cannot be started,
 * everything goes where it would have gone. `onQuit` is called when the pager is left before `finish`.
 */
export function openPager(
  { stdout, stderr }: Streams,
  command: string,
  environment: Environment,
  onQuit: () => void,
): Paged {
  const text = new PassThrough();
  let running: Promise<void> | undefined;
  let isFinished = false;

  /** Ctrl-C is for the pager, which goes on; a process that ended would leave two readers at one terminal. */
  const stay = () => {};

  function start(): Promise<void> {
    process.on('SIGINT', stay);
    const child = spawn(command, {
      // A plain name needs no shell, and without one we hear that it is not there.
      shell: /[^\w./-]/.test(command),
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { LESS: 'FRX', LV: '-c', ...environment },
    });
    child.once('spawn', () => text.pipe(child.stdin));
    child.stdin.on('error', () => {
      text.unpipe(child.stdin);
      text.resume();
      if (!isFinished) onQuit();
    });
    return new Promise((resolve) => {
      child.once('error', () => {
        text.pipe(stdout, { end: false });
        text.once('end', resolve);
      });
      child.once('close', () => resolve());
    });
  }

  const data = new Writable({
    write(chunk, _encoding, done) {
      running ??= start();
      text.write(chunk);
      done();
    },
  });
  const talk = new Writable({
    write(chunk, _encoding, done) {
      if (running && stderr.isTTY) text.write(chunk);
      else stderr.write(chunk);
      done();
    },
  });

  return {
    stdout: Object.assign(data, { isTTY: true }),
    stderr: Object.defineProperties(talk, {
      isTTY: { get: () => running === undefined && stderr.isTTY },
      columns: { get: () => stderr.columns },
    }),

    async finish() {
      isFinished = true;
      text.end();
      await running;
      process.off('SIGINT', stay);
    },
  };
}
