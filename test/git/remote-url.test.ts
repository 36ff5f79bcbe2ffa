import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRemoteUrl, parseRemoteUrl } from '../../src/git/remote-url.ts';
import { redact } from '../../src/git/transport-failure.ts';
import { temporaryDirectory } from './temporary.ts';

test.each([
  ['https://git.example.org/ops/config.git', 'https', false],
  ['http://localhost:8080/x.git', 'http', true],
  ['ssh://git@git.example.org:2222/ops/config.git', 'ssh', false],
  ['git@git.example.org:ops/config.git', 'ssh', false],
  ['git://127.0.0.1/x.git', 'git', true],
  ['ssh://git@[::1]/x.git', 'ssh', true],
  ['git@[::1]:ops/config.git', 'ssh', true],
  ['git@[git.example.org:2222]:ops/config.git', 'ssh', false],
  ['git@127.0.0.1:ops/config.git', 'ssh', true],
  ['git@127.example.org:ops/config.git', 'ssh', false],
])('%s', (text, protocol, isLocal) => {
  expect(parseRemoteUrl(text, '/')).toEqual({ protocol, text, isLocal });
});

test('a directory has to be there, and is one on this machine', () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'hub.git'));
  const expected = { protocol: 'file', text: join(directory, 'hub.git'), isLocal: true };
  expect(parseRemoteUrl('hub.git', directory)).toEqual(expected);
  expect(parseRemoteUrl('./hub.git', directory)).toEqual(expected);
  expect(parseRemoteUrl(`file://${directory}/hub.git`, '/')).toEqual(expected);
  expect(() => parseRemoteUrl('hbu.git', directory)).toThrow(expect.objectContaining({ code: 'usage' }));
});

test.each([
  ['ext::sh -c touch% /tmp/x', /helper program/],
  ['ext::/bin/sh', /helper program/],
  ['ssh://-oProxyCommand=touch/x', /host or user/],
  ['ssh://-l@host/x', /host or user/],
  ['-oProxyCommand=x@host:y', /host or user/],
  ['git@host:-x', /option/],
  ['git@[::1]:--upload-pack=touch', /option/],
  ['git@[-l]:x', /host or user/],
  ['git@[:x]', /host or user/],
  // git would go to the one in brackets, or behind the @
  ['[git.example.org]@localhost:x', /host or user/],
  ['ssh://[git.example.org]@localhost/x', /host or user/],
  ['ssh://127.0.0.1%40git.example.org/x', /host or user/],
  ['--upload-pack=touch', /option|no directory/],
  ['https://user:hunter2@host/x', /password or token/],
  ['https://ghp_0123456789abcdef0123456789abcdef0123@host/x', /password or token/],
  ['https://host/x\n--upload-pack=y', /control character/],
  ['javascript://host/x', /not known/],
  ['https://host/x?y', /query/],
  ['', /option/],
])('refuses %j', (text, message) => {
  expect(() => parseRemoteUrl(text, '/')).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
  );
});

test('no refusal tells a secret', () => {
  for (const text of ['https://user:hunter2@host/x', 'ftp://user:hunter2@host/x', 'https://a:hunter2@host\n/x']) {
    expect(() => parseRemoteUrl(text, '/')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  }
});

test('whatever is accepted is read the same again, and nothing of it is like an option', () => {
  const part = fc.oneof(
    fc.constantFrom(
      '-',
      '--',
      'host',
      'git@',
      ':',
      '::',
      '/',
      '//',
      'ext::',
      'ssh://',
      'https://',
      'file://',
      '%2D',
      '@',
    ),
    fc.constantFrom(
      'a',
      '0',
      '..',
      '%00',
      '%0a',
      '\n',
      ' ',
      '[',
      ']',
      '?',
      '#',
      'ä',
      '\u202e',
      '\\',
      '-oProxyCommand=x',
    ),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const text = parts.join('');
      let url: ReturnType<typeof parseRemoteUrl>;
      try {
        url = parseRemoteUrl(text, '/nowhere');
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'usage' });
        return;
      }
      // What comes after the first colon is a path, in which an @- is nothing: git@host:git@-
      expect(url.text.replace(/\[[0-9a-f:.]*\]/, '')).not.toMatch(/^-|^\w+:\/\/([^/]*@)?-|::|\p{Cc}|^[^/:]*[@:]-/u);
      expect(parseRemoteUrl(url.text, '/nowhere')).toEqual(url);
      expect(isRemoteUrl(text) || url.protocol === 'file').toBe(true);
    }),
    { numRuns: 20_000, examples: [[['git@', 'host', ':', 'git@', '-']]] },
  );
});

test('what git says is shown without secrets, in whatever form', () => {
  const secret = 'p@ss/word+1';
  const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
  for (const form of forms) expect(redact(`fatal: ${form} is wrong`, [secret])).toBe('fatal: … is wrong');
  expect(redact('https://user:other@host/x', [])).toBe('https://…@host/x');
  expect(redact('Authorization: Basic dXNlcjpwYXNz', [])).toBe('Authorization: Basic …');
});
