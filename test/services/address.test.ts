import { expect, test } from 'vitest';
import { TreekeeperError } from '../../src/errors.ts';
import { parseServiceUrl } from '../../src/services/address.ts';

const root = (text: string) => Buffer.from(text, 'latin1');

test.each([
  ['etcd://h', { kind: 'etcd', tls: false, endpoints: [{ host: 'h', port: 2379 }], root: root('') }],
  ['etcd://h:1/', { kind: 'etcd', tls: false, endpoints: [{ host: 'h', port: 1 }], root: root('') }],
  [
    'etcd+tls://a:1,b:2/app',
    {
      kind: 'etcd',
      tls: true,
      endpoints: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      root: root('/app'),
    },
  ],
  [
    'etcd://[::1]:2379/app/',
    { kind: 'etcd', tls: false, endpoints: [{ host: '::1', port: 2379 }], root: root('/app/') },
  ],
  ['etcd://h/a%FF%2Fb', { kind: 'etcd', tls: false, endpoints: [{ host: 'h', port: 2379 }], root: root('/a\xff/b') }],
  [
    'zookeeper://h/chroot/',
    { kind: 'zookeeper', tls: false, endpoints: [{ host: 'h', port: 2181 }], root: root('/chroot') },
  ],
  ['consul://h/app/', { kind: 'consul', tls: false, endpoints: [{ host: 'h', port: 8500 }], root: root('app/') }],
  ['dir:./x:y', { kind: 'dir', path: './x:y' }],
])('takes %s apart', (text, address) => {
  expect(parseServiceUrl(text)).toEqual(address);
});

test.each([
  'etcd://',
  'etcd://h:',
  'etcd://h:0',
  'etcd://h:99999',
  'etcd://a,,b',
  'etcd://h/a%zz',
  'etcd://h/a?b',
  'etcd://h#x',
  'etcd://::1:2379',
  'http://h:2379',
  'etcd:h:2379',
  'dir:',
  '',
])('refuses %s with exit code 2', (text) => {
  expect(() => parseServiceUrl(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('credentials in a URL are refused without being repeated', () => {
  try {
    parseServiceUrl('etcd://root:hunter2@h:2379/app');
    expect.unreachable();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(TreekeeperError);
    expect(JSON.stringify([(thrown as TreekeeperError).message, (thrown as TreekeeperError).hint])).not.toContain(
      'hunter2',
    );
  }
});
