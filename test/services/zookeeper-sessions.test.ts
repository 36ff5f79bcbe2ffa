import { expect, test } from 'vitest';
import { formatEndpoint } from '../../src/services/address.ts';
import { openAcl } from '../../src/services/zookeeper/acl.ts';
import { pipelinedReads } from '../../src/services/zookeeper/reads.ts';
import { encodeCreate, opCodes } from '../../src/services/zookeeper/records.ts';
import { openSession } from '../../src/services/zookeeper/session.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { describeWith } from '../servers/binaries.ts';
import { startProxy } from '../servers/proxy.ts';
import { hasZookeeper, startZookeeper } from '../servers/zookeeper.ts';
import { createEphemeral, readAll } from './zookeeper-nodes.ts';

const describe = describeWith('java', ...(hasZookeeper() ? [] : ['zookeeper.jar']));

describe('sessions', () => {
  test('calls of one that expires meanwhile are carried out once, in a new one', async () => {
    await using zookeeper = await startZookeeper({ settings: ['tickTime=200', 'maxSessionTimeout=1000'] });
    await using proxy = await startProxy(zookeeper.endpoint, Number.POSITIVE_INFINITY, () => {});
    const session = openSession({ ...zookeeper.address, endpoints: [proxy.endpoint], timeout: 20_000 });
    const other = openSession(zookeeper.address);
    try {
      await createEphemeral(session, '/held');
      proxy.block();
      const listing = pipelinedReads.children(session, ['/']);
      while ((await pipelinedReads.data(other, ['/held']))[0]?.answer);
      // By now the session knows that its connection is gone: these wait for the next one.
      const creating = ['/a', '/b'].map((path) =>
        session.call(
          {
            op: opCodes.create,
            encode: encodeCreate,
            decode: (reader) => reader.string(),
            repeatable: false,
          },
          { path, data: null, acl: openAcl },
        ),
      );
      proxy.unblock();
      expect(await Promise.all(creating)).toEqual(['/a', '/b']);
      const [listed] = await listing;
      expect(listed?.answer).toContain('zookeeper');
      expect(listed?.answer).not.toContain('held');
    } finally {
      await session.close();
      await other.close();
    }
  });

  test('one whose server goes away is carried on with the next server, and is the same', async () => {
    await using zookeeper = await startZookeeper();
    await using first = await startProxy(zookeeper.endpoint, Number.POSITIVE_INFINITY, () => {});
    await using second = await startProxy(zookeeper.endpoint, Number.POSITIVE_INFINITY, () => {});
    const session = openSession({ ...zookeeper.address, endpoints: [first.endpoint, second.endpoint] });
    try {
      await createEphemeral(session, '/held');
      expect(session.endpoint).toBe(formatEndpoint(first.endpoint));
      first.block();
      const [found] = await pipelinedReads.data(session, ['/held']);
      expect(found?.answer?.data?.toString()).toBe('held');
      expect(session.endpoint).toBe(formatEndpoint(second.endpoint));
    } finally {
      await session.close();
    }
    await using service = openZookeeper(zookeeper.address);
    expect([...(await readAll(service)).nodes.keys()]).toEqual(['/']);
  });

  test('a server that wants SASL is told as such', async () => {
    await using zookeeper = await startZookeeper({
      properties: {
        'zookeeper.enforce.auth.enabled': 'true',
        'zookeeper.enforce.auth.schemes': 'sasl',
        'zookeeper.authProvider.sasl': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
      },
    });
    await using service = openZookeeper(zookeeper.address);
    await expect(readAll(service)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('refuses the authentication'),
      hint: expect.stringContaining('SASL it cannot'),
    });
  });
});
