import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/parse.ts';
import { isRemoteUrl, parseRemoteUrl } from '../../src/git/remote-url.ts';
import { parseServiceUrl } from '../../src/services/address.ts';
import { treekeeper } from '../commands/run.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { changed, refuses } from './fuzz.ts';
import { subject } from './subject.ts';

subject('any configuration is read or refused with its line', async (subject) => {
  const { random } = subject;
  for (let time = 0; time < subject.scale(1_500, 100_000); time++) {
    const text = changed(random, Buffer.from(configuration), configurationWords).toString();
    await refuses(subject, Buffer.from(text), async () => void parseConfig(text, 'treekeeper.yaml'));
  }
});

subject('any URL of a remote or service is refused, or means one thing', async (subject) => {
  const { random, must } = subject;
  for (let time = 0; time < subject.scale(100_000, 1_000_000); time++) {
    const text = changed(random, Buffer.from(random.pick(urls)), urlWords).toString();
    await refuses(subject, Buffer.from(text), async () => {
      const url = parseRemoteUrl(text, '/nowhere');
      const plain = url.text.replace(/\[[0-9a-f:]*\]/g, '');
      must(!/^-|^\w+:\/\/([^/]*@)?-|::|\p{Cc}|^[^/]*[@:]-/u.test(plain), `an option: ${JSON.stringify(text)}`);
      must(isRemoteUrl(text) || url.protocol === 'file', `taken for a path: ${JSON.stringify(text)}`);
      const again = parseRemoteUrl(url.text, '/nowhere');
      must(JSON.stringify(again) === JSON.stringify(url), `means another thing: ${JSON.stringify(text)}`);
    });
    await refuses(subject, Buffer.from(text), async () => void parseServiceUrl(text));
  }
});

subject(
  'the command line refuses any configuration and URL with a status of its table, and runs nothing',
  async (subject) => {
    const { random, must, count } = subject;
    await using directory = await temporaryDirectory();
    const { path } = directory;
    for (let time = 0; time < subject.scale(50, 3_000); time++) {
      const url = changed(random, Buffer.from(random.pick(urls)), urlWords)
        .toString()
        .replaceAll('\0', '');
      const text = changed(random, Buffer.from(configuration), configurationWords).toString();
      writeFileSync(join(path, 'treekeeper.yaml'), time % 2 === 0 ? text : 'version: 1\n');
      const args = random.pick([
        ['remote', 'add', 'r', url],
        ['log', '--repo', url],
        ['clone', url, 'copy'],
        ['dump', url],
      ]);
      const { status, stderr } = await treekeeper(path, [...args, '--timeout', '1'], { GIT_SSH_COMMAND: 'false' });
      count('runs');
      const where = `${JSON.stringify(args)} with ${JSON.stringify(time % 2 === 0 ? text : '')}`;
      must([0, 1, 2, 10, 15].includes(status ?? -1), `${where}: exit status ${status}: ${stderr}`);
      must(!/defect|^ +at /m.test(stderr), `${where}: ${stderr}`);
      must(!existsSync(join(path, 'sentinel')), `${where}: something was run`);
    }
  },
);

const configurationWords = [
  '&a ',
  '*a',
  '*b',
  '? ',
  '<<: ',
  '!!js/function ',
  '!!binary ',
  '{',
  '[',
  '- ',
  ': ',
  '\n',
  '\t',
  '%YAML 9\n',
  '---\n',
  '"',
  "'",
  '|',
  '__proto__: ',
  '!!set ',
  '!!omap ',
  '!!timestamp ',
  '~',
  '0x',
  '1e999',
  '\u{1f333}',
  '&a [*a]',
  '!<x> ',
];
const urlWords = [
  '-',
  '--upload-pack=touch sentinel',
  '::',
  'ext::sh -c touch% sentinel',
  '%',
  '%00',
  '%2d',
  '@',
  ':',
  '/',
  '//',
  '..',
  '\n',
  '\0',
  ' ',
  '[',
  ']',
  '[::1]',
  '?',
  '#',
  '$(touch sentinel)',
  '`touch sentinel`',
  ';touch sentinel',
  '\\',
  'fd::0',
  'file://',
  '\u{1f333}',
  '\u202e',
  '+tls',
];
const urls = [
  ...[
    'https://git.example.invalid/a/b.git',
    'ssh://git@git.example.invalid:22/a',
    'git@git.example.invalid:a/b',
    'file:///nowhere',
  ],
  ...['git://127.0.0.1:1/x', '/nowhere', 'ext::sh -c touch% sentinel', 'http://[::1]:1/x'],
  ...[
    'etcd://127.0.0.1:1/app',
    'zookeeper://127.0.0.1:1,127.0.0.1:2/chroot',
    'consul+tls://127.0.0.1:1/p?dc=a',
    'dir:nowhere',
  ],
];
const configuration = `version: 1
repository: ./snapshots.git
stores:
  etcd-prod:
    service: etcd+tls://127.0.0.1:1,127.0.0.1:2/app
    user: backup
    passwordEnv: NAME
    exclude: ["/app/tmp/**"]
    ephemeral: skip
    encrypt:
      - keys: ["/app/secret/**"]
        recipients: ["0123456789012345678901234567890123456789"]
remotes:
  - { name: origin, url: "ssh://git@git.example.invalid/ops/config.git", push: true }
confirmAbove: 10
trust: { signers: ["0123456789012345678901234567890123456789"] }
`;
