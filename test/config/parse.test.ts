import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';

test('a whole configuration is understood', () => {
  const text = `
version: 1
repository: ./snapshots.git
stores:
  etcd-prod:
    service: etcd+tls://e1:2379,e2:2379/app
    user: backup
    passwordFile: /run/secrets/etcd
    tls: { ca: ca.pem, cert: client.pem, key: client.key }
    exclude: ["/app/tmp/**"]
    ephemeral: skip
remotes:
  - { name: origin, url: "ssh://git@git.example.org/ops/config.git", push: true, unencrypted: accepted }
`;
  expect(parseConfig(text, 'treekeeper.yaml')).toEqual({
    repository: './snapshots.git',
    stores: {
      'etcd-prod': {
        service: 'etcd+tls://e1:2379,e2:2379/app',
        user: 'backup',
        passwordFile: '/run/secrets/etcd',
        tls: { ca: 'ca.pem', cert: 'client.pem', key: 'client.key' },
        exclude: ['/app/tmp/**'],
        ephemeral: 'skip',
      },
    },
    remotes: [{ name: 'origin', url: 'ssh://git@git.example.org/ops/config.git', push: true, unencrypted: 'accepted' }],
  });
});

test.each([
  ['version: 1\nrepositry: x\n', 'f:2:1: the configuration has the unknown field repositry'],
  ['version: 1\nstores:\n  a:\n    servic: x\n', 'f:4:5: stores.a has the unknown field servic'],
  ['version: 1\nstores:\n  a:\n    service: x\n    password: x\n', 'f:5:5: stores.a has the unknown field password'],
  ['version: 2\n', 'f:1:10: version must be 1'],
  ['version: 1\nstores:\n  A B:\n    service: x\n', 'f:3:3: A B cannot be the name of a store'],
  ['version: 1\nstores:\n  a:\n    service: 3\n', 'f:4:14: stores.a.service must be string'],
  [
    'version: 1\nstores:\n  a:\n    service: x\n    ephemeral: maybe\n',
    'f:5:16: stores.a.ephemeral must be one of skip, record',
  ],
  ['version: 1\nstores:\n  a:\n    user: x\n', "f:4:5: stores.a must have required property 'service'"],
  ['version: 1\nversion: 1\n', 'f:2:1: Map keys must be unique'],
  ['version: 1\nstores: {a: {service: "x\n', 'f:3:1: Missing closing "quote'],
  [
    'version: 1\nremotes: [{name: -x, url: y}]\n',
    'f:2:18: remotes.0.name must match pattern "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"',
  ],
  ['version: 1\nsign: {kee: x}\n', 'f:2:8: sign has the unknown field kee'],
  ['version: 1\ntrust: {signers: []}\n', 'f:2:18: trust.signers must NOT have fewer than 1 items'],
  ['version: 1\nsign: {key: 0123ABCD}\n', 'f:2:13: sign.key must match pattern "^[0-9A-Fa-f ]{40,}$"'],
  [
    'version: 1\nstores: { a: { service: *x } }\n',
    'f:1:1: Unresolved alias (the anchor must be set before the alias): x',
  ],
  [
    `a: &a [x, x]\nb: &b [*a, *a]\nc: &c [${'*b, '.repeat(60)}]\n`,
    'f:1:1: Excessive alias count indicates a resource exhaustion attack',
  ],
  ['', 'f:1:1: the configuration must be object'],
  ['- a\n', 'f:1:1: the configuration must be object'],
])('%j: %s', (text, message) => {
  expect(() => parseConfig(text, 'f')).toThrow(expect.objectContaining({ code: 'usage', message }));
});

test('a configuration that is cut off anywhere is never half of one', () => {
  const text = 'version: 1\nstores:\n  prod:\n    service: "etcd://h:2379"\n';
  for (let length = 0; length < text.length - 1; length++) {
    try {
      const { stores } = parseConfig(text.slice(0, length), 'f');
      expect(stores).toEqual({});
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'usage' });
    }
  }
});
