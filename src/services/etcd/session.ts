import { status } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import { reasonOf } from '../../errors.ts';
import { type Endpoint, formatEndpoint } from '../address.ts';
import type { EtcdAddress } from './client.ts';
import { EtcdFailure } from './failure.ts';

/** What is seldom asked and goes through etcd3. Fails with an `EtcdFailure`. */
export interface EtcdSession extends AsyncDisposable {
  /** A token for the address's user. */
  authenticate(): Promise<string>;
  /** The seconds that a lease was granted for, or `undefined` where it is gone. */
  leaseSeconds(lease: bigint): Promise<string | undefined>;
}

/**
 * Opens etcd3 on one endpoint. By itself it has no deadline, tries three times, and then refuses to work for five seconds
 * whatever the server says; all of that is switched off, since the caller decides about it.
 */
export function openSession({ tls, user, password = '', timeout }: EtcdAddress, endpoint: Endpoint): EtcdSession {
  const name = formatEndpoint(endpoint);
  const options = {
    hosts: `${tls ? 'https' : 'http'}://${name}`,
    dialTimeout: timeout,
    defaultCallOptions: () => ({ deadline: Date.now() + timeout }),
    faultHandling: { host: () => noop, global: noop },
    grpcOptions: {
      'grpc.enable_http_proxy': 0,
      ...(tls?.serverName !== undefined && { 'grpc.ssl_target_name_override': tls.serverName }),
    },
    // Without an authority of its own, etcd3 wants an empty buffer to take the system's.
    ...(tls && {
      credentials: {
        rootCertificate: tls.ca as Buffer,
        ...(tls.key && tls.cert && { privateKey: tls.key, certChain: tls.cert }),
      },
    }),
  };
  const anonymous = new Etcd3(options);
  let known: Etcd3 | undefined;

  return {
    async authenticate() {
      const answer = await failing(anonymous.auth.authenticate({ name: user ?? '', password }));
      return answer.token;
    },

    async leaseSeconds(lease) {
      known ??= user === undefined ? anonymous : new Etcd3({ ...options, auth: { username: user, password } });
      const { TTL, grantedTTL } = await failing(
        known.leaseClient.leaseTimeToLive({ ID: lease.toString(), keys: false }),
      );
      // etcd answers a lease that has expired with a TTL of -1.
      return Number(TTL) < 0 ? undefined : grantedTTL;
    },

    async [Symbol.asyncDispose]() {
      anonymous.close();
      known?.close();
    },
  };

  async function failing<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (thrown) {
      // etcd3 has classes for some errors; gRPC's own code is at the beginning of every message.
      const code = Number(/^(\d+) /.exec(reasonOf(thrown))?.[1] ?? status.UNKNOWN);
      throw new EtcdFailure(code, reasonOf(thrown).replace(/^\d+ [A-Z_]+: /, ''), name);
    }
  }
}
