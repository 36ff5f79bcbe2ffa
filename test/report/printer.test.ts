import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { TreekeeperError } from '../../src/errors.ts';
import { openPrinter } from '../../src/report/printer.ts';

function capture(options: { json: boolean; quiet: boolean }, isTTY = false, columns = 80) {
  const [stdout, stderr] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY, columns })];
  const read = (stream: PassThrough) => String(stream.read() ?? '');
  const printer = openPrinter({ stdout, stderr }, options);
  const out = () => {
    printer.flush();
    return read(stdout);
  };
  return { printer, out, err: () => read(stderr) };
}

test('JSON keeps bytes, 64-bit integers and absence apart', () => {
  const { printer, out } = capture({ json: true, quiet: false });
  printer.print(
    {
      type: 'node',
      key: Buffer.from('/a'),
      value: Uint8Array.of(0xff),
      revision: 2n ** 63n,
      none: undefined,
      empty: null,
    },
    'text',
  );
  expect(out()).toBe(
    '{"type":"node","key":"/a","value":{"base64":"/w=="},"revision":"9223372036854775808","empty":null}\n',
  );
});

test('data goes to stdout and talk to stderr, in text and in JSON', () => {
  for (const json of [true, false]) {
    const { printer, out, err } = capture({ json, quiet: false });
    printer.print({ type: 'node' }, 'a node');
    printer.note('some talk');
    expect(out()).toBe(json ? '{"type":"node"}\n' : 'a node\n');
    expect(err()).toBe('some talk\n');
  }
});

test('an error is a line of fact and a line of hint, and in JSON a record with its exit code too', () => {
  const { printer, out, err } = capture({ json: true, quiet: true });
  printer.fail(new TreekeeperError('locked', 'another run holds it', { hint: 'wait' }));
  expect(err()).toBe('treekeeper: another run holds it\n  hint: wait\n');
  expect(JSON.parse(out())).toEqual({
    type: 'error',
    code: 'locked',
    exit: 11,
    message: 'another run holds it',
    hint: 'wait',
  });
});

test('progress shows on a terminal only, and is gone before anything else is printed', () => {
  const piped = capture({ json: false, quiet: false });
  piped.printer.progress('reading');
  expect(piped.err()).toBe('');

  const terminal = capture({ json: false, quiet: false }, true);
  terminal.printer.progress('reading');
  terminal.printer.note('done');
  expect(terminal.err()).toBe('\r\x1b[K\x1b[?7lreading\x1b[?7h\r\x1b[Kdone\n');
});

test('progress is cut to the width of the terminal', () => {
  const { printer, err } = capture({ json: false, quiet: false }, true, 10);
  printer.progress('123456789');
  printer.progress('1234567890');
  expect(err().split('\x1b[?7l').slice(1)).toEqual(['123456789\x1b[?7h\r\x1b[K', '12345678…\x1b[?7h']);
});

test('quiet silences talk and progress, and neither warnings nor errors', () => {
  const { printer, err } = capture({ json: false, quiet: true }, true);
  printer.progress('reading');
  printer.note('talk');
  printer.warn('mind this');
  expect(err()).toBe('treekeeper: mind this\n');
});
