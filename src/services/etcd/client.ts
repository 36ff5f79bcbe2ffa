import { type ChannelOptions, Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { TreekeeperError } from '../../errors.ts';
import { type Endpoint, formatEndpoint } from '../address.ts';
import { slowness } from '../patience.ts';
import {
  decodeRangeFor,
  decodeStatus,
  decodeTxn,
  encodeRange,
  type RangeRequest,
  type RangeResponse,
  type StatusResponse,
  type TxnResponse,
} from './codec.ts';
import { EtcdFailure, isFailure, isLost } from './failure.ts';

/** How to get at an etcd. `tls` present means TLS; its parts are PEM. */
export interface EtcdAddress {
  readonly endpoints: readonly Endpoint[];
  readonly root: Uint8Array;
  readonly tls?:
    | { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly serverName?: string }
    | undefined;
  readonly user?: string;
  readonly password?: string;
  /** For one request, all endpoints that are tried for it together, in milliseconds. */
  readonly timeout: number;
}

/**
 * The calls that move the bulk. Each is answered or fails within the timeout, with an `EtcdFailure`. All of them can be
 * sent again without harm, so one that an endpoint did not answer goes to the next.
 */
export interface EtcdClient {
  range(request: RangeRequest): Promise<RangeResponse>;
  /** `request` is a transaction as the codec makes it. */
  txn(request: Buffer): Promise<TxnResponse>;
  status(): Promise<StatusResponse>;
  /** How many bytes come in half the time that an endpoint has for an answer, going by the last one. */
  readonly bytesInTime: number;
  close(): void;
}

/**
 * A response may be as large as it likes: pages are sized by what came before. The window is for networks with latency,
 * where 64 KiB of HTTP/2's default throttle a read to a few MB/s. A proxy of the environment is for the web.
 */
const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

export function openClient(address: EtcdAddress): EtcdClient {
  const { endpoints, timeout, tls, user } = address;
  const options =
    tls?.serverName === undefined
      ? channelOptions
      : { ...channelOptions, 'grpc.ssl_target_name_override': tls.serverName };
  const channels = endpoints.map((endpoint) => ({
    name: formatEndpoint(endpoint),
    client: undefined as Client | undefined,
  }));
  let current = 0;
  let token: Promise<string> | undefined;
  let bytesInTime = Number.POSITIVE_INFINITY;

  async function call<Answer>(path: string, request: Buffer, decode: (message: Buffer) => Answer): Promise<Answer> {
    const deadline = Date.now() + timeout;
    for (let tried = 1; ; tried++) {
      const index = current;
      try {
        return await attempt(
          index,
          path,
          request,
          decode,
          Date.now() + (deadline - Date.now()) / (endpoints.length - tried + 1),
        );
      } catch (thrown) {
        if (!isLost(thrown) || tried >= endpoints.length) throw thrown;
        if (current === index) current = (index + 1) % endpoints.length;
      }
    }
  }

  async function attempt<Answer>(
    index: number,
    path: string,
    request: Buffer,
    decode: (message: Buffer) => Answer,
    deadline: number,
  ): Promise<Answer> {
    if (user === undefined) return send(index, path, request, decode, deadline);
    token ??= authenticate(index);
    const used = token;
    try {
      return await send(index, path, request, decode, deadline, await used);
    } catch (thrown) {
      // Simple tokens expire after some minutes without use, and a server forgets them when it starts.
      if (token === used) token = undefined;
      if (!isFailure(thrown, status.UNAUTHENTICATED) && !isFailure(thrown, status.INVALID_ARGUMENT, 'auth'))
        throw thrown;
      if (isFailure(thrown, status.INVALID_ARGUMENT, 'authentication')) throw thrown;
      token ??= authenticate(index);
      return send(index, path, request, decode, deadline, await token);
    }
  }

  async function authenticate(index: number): Promise<string> {
    const endpoint = endpoints[index];
    if (!endpoint) throw new RangeError('no such endpoint');
    const { openSession } = await import('./session.ts');
    await using session = openSession(address, endpoint);
    return await session.authenticate();
  }

  function send<Answer>(
    index: number,
    path: string,
    request: Buffer,
    decode: (message: Buffer) => Answer,
    deadline: number,
    token?: string,
  ): Promise<Answer> {
    const channel = channels[index];
    if (!channel) throw new RangeError('no such endpoint');
    channel.client ??= new Client(channel.name, tls ? secure(tls) : credentials.createInsecure(), options);
    const { client, name } = channel;
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('token', token);

    return new Promise((resolve, reject) => {
      let begun = 0;
      const receive = (message: Buffer) => {
        const share = timeout / endpoints.length / 2;
        bytesInTime = (message.length * share) / (Date.now() - begun + 1);
        return decode(message);
      };
      const call = client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        receive,
        request,
        metadata,
        { deadline },
        (error, answer) => {
          const isSlow = error?.code === status.DEADLINE_EXCEEDED && begun > 0;
          if (error) reject(new EtcdFailure(error.code, isSlow ? slowness : error.details, name));
          else if (answer === undefined) reject(new EtcdFailure(status.INTERNAL, 'the answer is empty', name));
          else resolve(answer);
        },
      );
      call.once('metadata', () => {
        begun = Date.now();
      });
    });
  }

  return {
    range: (request) =>
      call('/etcdserverpb.KV/Range', encodeRange(request), (message) => decodeRangeFor(request, message)),
    txn: (request) => call('/etcdserverpb.KV/Txn', request, decodeTxn),
    status: () => call('/etcdserverpb.Maintenance/Status', Buffer.alloc(0), decodeStatus),
    get bytesInTime() {
      return bytesInTime;
    },
    close: () => {
      for (const { client } of channels) client?.close();
    },
  };
}

function secure({ ca, cert, key }: NonNullable<EtcdAddress['tls']>) {
  try {
    return credentials.createSsl(ca ?? null, key ?? null, cert ?? null);
  } catch (cause) {
    throw new TreekeeperError(
      'usage',
      'the TLS files cannot be used: they are no certificate and key in PEM that belong together',
      { cause },
    );
  }
}
