import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCredentials } from '../../src/config/credentials.ts';
import { temporaryDirectory } from '../servers/process.ts';

const none = { tls: {} };

test('without anything there are no credentials', () => {
  for (const kind of ['etcd', 'zookeeper', 'consul', 'dir'] as const)
    expect(readCredentials(kind, undefined, '/', {})).toEqual(none);
});

test.each([
  ['etcd', { ETCDCTL_USER: 'u' }, { user: 'u' }],
  ['etcd', { ETCDCTL_USER: 'u:p:q' }, { user: 'u', password: 'p:q' }],
  ['etcd', { ETCDCTL_USER: 'u', ETCDCTL_PASSWORD: 'p' }, { user: 'u', password: 'p' }],
  ['zookeeper', { ZOOKEEPER_AUTH: 'digest:u:p:q' }, { user: 'u', password: 'p:q' }],
  ['zookeeper', { ZOOKEEPER_AUTH: 'digest:u:' }, { user: 'u', password: '' }],
  ['consul', { CONSUL_HTTP_TOKEN: 't', CONSUL_DATACENTER: 'eu' }, { token: 't', datacenter: 'eu' }],
  ['consul', { CONSUL_NAMESPACE: 'n', CONSUL_PARTITION: 'p' }, { namespace: 'n', partition: 'p' }],
] as const)('%s: %j', (kind, environment, credentials) => {
  expect(readCredentials(kind, undefined, '/', environment)).toEqual({ ...none, ...credentials });
});

test('one service never gets what is meant for another', () => {
  const all = { ETCDCTL_USER: 'e:1', ZOOKEEPER_AUTH: 'digest:z:2', CONSUL_HTTP_TOKEN: '3' };
  expect(readCredentials('etcd', undefined, '/', all)).toEqual({ ...none, user: 'e', password: '1' });
  expect(readCredentials('zookeeper', undefined, '/', all)).toEqual({ ...none, user: 'z', password: '2' });
  expect(readCredentials('consul', undefined, '/', all)).toEqual({ ...none, token: '3' });
  expect(readCredentials('dir', undefined, '/', all)).toEqual(none);
});

test('files are read relative to the configuration, and the environment goes first', async () => {
  await using directory = await temporaryDirectory();
  writeFileSync(join(directory.path, 'secret'), 'from-file\n');
  writeFileSync(join(directory.path, 'ca.pem'), 'CA');
  const service = 'consul://h';
  const store = { service, tokenFile: 'secret', tls: { ca: 'ca.pem', serverName: 'a' } };
  const tls = { ca: Buffer.from('CA'), serverName: 'a' };
  const read = (environment: { readonly [name: string]: string }) =>
    readCredentials('consul', store, directory.path, environment);
  expect(read({})).toEqual({ token: 'from-file', tls });
  expect(read({ CONSUL_HTTP_TOKEN: 'given' })).toEqual({ token: 'given', tls });
  expect(read({ CONSUL_HTTP_TOKEN_FILE: join(directory.path, 'ca.pem') })).toEqual({ token: 'CA', tls });
  expect(read({ CONSUL_TLS_SERVER_NAME: 'b' })).toEqual({ token: 'from-file', tls: { ...tls, serverName: 'b' } });
});

test.each([
  ['zookeeper', { ZOOKEEPER_AUTH: 'sasl:u:p' }, undefined, /not digest:USER:PASSWORD/],
  ['etcd', {}, { service: '', passwordEnv: 'NOT_SET' }, /NOT_SET.*not set/],
  ['consul', {}, { service: '', tokenFile: 'nowhere' }, /token file .*nowhere/],
  ['zookeeper', { ZOOKEEPER_CACERT: '/nowhere' }, undefined, /TLS file \(ca\) \/nowhere/],
] as const)('%s: what was named and is not there is told: %j', (kind, environment, store, message) => {
  expect(() => readCredentials(kind, store, '/', environment)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
  );
});
